// pad_columns: puts a matrix into a wider one of zeros; the transpose of slice_columns.
// input:      x f[B, N]
// attributes: begin: first column that x takes; width >= begin + N
// output:     y f[B, width]
// Row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& pad_columns_op();
ValueId pad_columns(ProgramBuilder& builder, ValueId x, std::int64_t begin, std::int64_t width);

}  // namespace tensile::ops
