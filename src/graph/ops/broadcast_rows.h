// broadcast_rows: a matrix all rows of which are the same; the transpose of column_sum.
// input:      row f[N]
// attributes: rows: B; extent_slot: the extent slot of the leading dimension, -1 when it is static
// output:     y f[B, N], y[i, j] = row[j]
// Row-wise; the row is read whole.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& broadcast_rows_op();
// As many rows (bounded alike) as `shape` has.
ValueId broadcast_rows(ProgramBuilder& builder, ValueId row, const Shape& shape);

}  // namespace tensile::ops
