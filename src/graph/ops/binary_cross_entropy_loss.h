// binary_cross_entropy_loss: of a logit z and a target t in [0, 1], max(z, 0) - z t + log(1 + exp(-|z|)).
// inputs:     prediction f[B] or f[B, 1], target f[B] or f[B, 1], weight f[B]
// output:     loss f[B] = weight * the above. A row that is beyond the extent or has weight 0 (a missing target) gives
//             exactly 0, whatever else it holds, NaN included.
// binary_cross_entropy_loss_gradient: dprediction = weight dloss (sigmoid(z) - t).
// inputs:     prediction, target, weight, dloss f[B]
// output:     dprediction like prediction, exactly 0 for a row that is beyond the extent or has weight 0
// Both are row-wise. Gradients flow to the prediction only.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& binary_cross_entropy_loss_op();
const Op& binary_cross_entropy_loss_gradient_op();
ValueId binary_cross_entropy_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight);
ValueId binary_cross_entropy_loss_gradient(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight,
                                           ValueId dloss);

}  // namespace tensile::ops
