// masked_mean: mean of per-row losses over the rows that count.
// inputs: losses f[B] (already weighted, 0 where the weight is 0), weights f[B]
// output: y f[] = sum(losses) / max(sum(weights), 1e-30) over the present rows, both sums in the order of
//         graph/blocked_sum.h
// masked_mean_gradient: dlosses[i] = dy / max(sum(weights), 1e-30). Gradients flow to the losses only.
// inputs: weights f[B], dy f[]
// output: dlosses f[B]
// Both are reductions over the batch.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

inline constexpr double kSmallestWeightSum = 1e-30;

const Op& masked_mean_op();
const Op& masked_mean_gradient_op();
ValueId masked_mean(ProgramBuilder& builder, ValueId losses, ValueId weights);
ValueId masked_mean_gradient(ProgramBuilder& builder, ValueId weights, ValueId dy);

}  // namespace tensile::ops
