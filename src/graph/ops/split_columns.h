// split_columns: a matrix cut into pieces of equal width, side by side; the transpose of concat_columns.
// input:      x f[B, parts N]
// attributes: parts >= 1
// outputs:    `parts` times f[B, N], in the order of the columns
// Row-wise. Its gradient is concat_columns, with zeros for parts into which nothing flows.
#pragma once

#include <vector>

#include "graph/program.h"

namespace tensile::ops {

const Op& split_columns_op();
std::vector<ValueId> split_columns(ProgramBuilder& builder, ValueId x, std::int64_t parts);

}  // namespace tensile::ops
