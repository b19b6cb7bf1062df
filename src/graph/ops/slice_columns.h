// slice_columns: some neighbouring columns of a matrix.
// input:      x f[B, N]
// attributes: begin, end: 0 <= begin < end <= N
// output:     y f[B, end - begin]
// Row-wise. Its gradient is pad_columns.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& slice_columns_op();
ValueId slice_columns(ProgramBuilder& builder, ValueId x, std::int64_t begin, std::int64_t end);

}  // namespace tensile::ops
