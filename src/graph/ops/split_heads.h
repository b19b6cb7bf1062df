// split_heads: brings the columns of each attention head below each other, so that products by head are
// batched_matmul over sequences times heads groups.
// input:      x f[sequences steps, heads width]
// attributes: steps, heads: at least 1
// output:     y f[sequences heads steps, width], y[(s heads + h) steps + t, j] = x[s steps + t, h width + j]
// merge_heads: the inverse, and each is the other's gradient.
// input:      y
// attributes: steps, heads
// output:     x
// Both are permutations of a static matrix. Not row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& split_heads_op();
const Op& merge_heads_op();
ValueId split_heads(ProgramBuilder& builder, ValueId x, std::int64_t steps, std::int64_t heads);
ValueId merge_heads(ProgramBuilder& builder, ValueId y, std::int64_t steps, std::int64_t heads);

}  // namespace tensile::ops
