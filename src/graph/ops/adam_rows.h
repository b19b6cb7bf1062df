// adam_rows: adam for a row-sparse gradient. Only rows that the gradient names are touched: the moments of the others
// do not decay and their weights do not ("lazy"). inputs:     parameter f[V, D], rows f[n, D], indices i32[n] (unique,
// from merge_rows; entries outside [0, V) are skipped),
//             first f[V, D], second f[V, D], step f[7], gradient_scale f[]
// attributes: decoupled: 0 Adam, 1 AdamW
// outputs:    parameter, first, second (in the buffers of inputs 0, 3, 4)
// Not row-wise. Not differentiable.
#pragma once

#include "graph/ops/adam.h"
#include "graph/program.h"

namespace tensile::ops {

const Op& adam_rows_op();
// `gradient` must have been merged.
AdamState adam_rows(ProgramBuilder& builder, const AdamState& state, const SparseRows& gradient,
                    const AdamScalars& scalars, bool decoupled);

}  // namespace tensile::ops
