// sgd_momentum_rows: sgd_momentum for a row-sparse gradient. Only rows that the gradient names are touched; the
// velocity of the others does not decay ("lazy"). inputs:  parameter f[V, D], rows f[n, D], indices i32[n] (unique,
// from merge_rows; entries outside [0, V) are skipped),
//          velocity f[V, D], learning_rate, momentum, weight_decay, gradient_scale f[]
// outputs: parameter (in the buffer of input 0), velocity (in the buffer of input 3)
// Not row-wise. Not differentiable.
#pragma once

#include "graph/ops/sgd_momentum.h"
#include "graph/program.h"

namespace tensile::ops {

const Op& sgd_momentum_rows_op();
// `gradient` must have been merged.
SgdState sgd_momentum_rows(ProgramBuilder& builder, const SgdState& state, const SparseRows& gradient,
                           const SgdScalars& scalars);

}  // namespace tensile::ops
