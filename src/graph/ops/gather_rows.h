// gather_rows: looks rows up in a table (an embedding).
// inputs: table f[V, D], indices i32[B] or i32[B, k]
// output: y f[B, k D] (k = 1 for rank 1): the rows named by indices[i, 0..k) side by side. An index outside [0, V)
// gives a
//         row of zeros.
// Row-wise; the table is read whole.
// gather_rows_gradient: the row-sparse gradient of the table, one slot for each lookup, not merged.
// inputs:     indices, dy f[B, k D]
// attributes: table_rows: V
// outputs:    rows f[B k, D], slot_indices i32[B k], both static. Slots of rows beyond the extent and of indices
// outside
//             [0, V) hold index -1 and zeros.
// Not row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& gather_rows_op();
const Op& gather_rows_gradient_op();
ValueId gather_rows(ProgramBuilder& builder, ValueId table, ValueId indices);
SparseRows gather_rows_gradient(ProgramBuilder& builder, ValueId indices, ValueId dy, std::int64_t table_rows);

}  // namespace tensile::ops
