// softmax: over the last axis, with the maximum subtracted first.
// input:  x f[B, ..., N], rank 2 or more
// output: y like x, y[i, j] = exp(x[i, j] - max_k x[i, k]) / sum_k exp(x[i, k] - max)
// softmax_gradient: dx = y (dy - sum_k y[k] dy[k]).
// inputs: y, dy like x
// output: dx like x
// Both are row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& softmax_op();
const Op& softmax_gradient_op();
ValueId softmax(ProgramBuilder& builder, ValueId x);
ValueId softmax_gradient(ProgramBuilder& builder, ValueId y, ValueId dy);

}  // namespace tensile::ops
