// causal_softmax: softmax over the columns that a step may see, for attention that does not look ahead.
// input:  x f[groups steps, steps]: row r of a group holds the scores of step r against every step
// output: y like x, y[r, j] = exp(x[r, j] - max_{k <= r} x[r, k]) / sum_{k <= r} exp(x[r, k] - max) for j <= r, else 0
//         What x holds at j > r has no influence, NaN included.
// causal_softmax_gradient: dx[r, j] = y[r, j] (dy[r, j] - sum_{k <= r} y[r, k] dy[r, k]) for j <= r, else 0.
// inputs: y, dy like x
// output: dx like x
// Both are row-wise, and rows may be bounded; as the row's number within its group counts, a kernel that works on a row
// tile must know where the tile starts. (Vaswani et al., arXiv 1706.03762, section 3.2.3.)
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& causal_softmax_op();
const Op& causal_softmax_gradient_op();
ValueId causal_softmax(ProgramBuilder& builder, ValueId x);
ValueId causal_softmax_gradient(ProgramBuilder& builder, ValueId y, ValueId dy);

}  // namespace tensile::ops
