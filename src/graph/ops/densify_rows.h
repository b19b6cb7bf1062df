// densify_rows: adds row-sparse rows up into a dense table.
// inputs:     rows f[n, D], indices i32[n], static; indices outside [0, V) are skipped, repeated ones add up in slot
// order attributes: table_rows: V output:     y f[V, D], zero where no slot points Not row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& densify_rows_op();
ValueId densify_rows(ProgramBuilder& builder, const SparseRows& sparse);

}  // namespace tensile::ops
