// merge_rows: makes the indices of row-sparse rows unique.
// inputs:     rows f[n, D], indices i32[n], static
// attributes: table_rows: V
// outputs:    rows f[m, D], indices i32[m], m = min(n, V): each index in [0, V) that occurs, once and ascending, with
// the
//             sum of its rows in slot order (a stable sort by index, then sums in order); the slots after them hold
//             index -1 and zeros.
// Not row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& merge_rows_op();
SparseRows merge_rows(ProgramBuilder& builder, const SparseRows& sparse);

}  // namespace tensile::ops
