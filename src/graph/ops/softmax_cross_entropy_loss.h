// softmax_cross_entropy_loss: log(sum_j exp(z_j)) - z_target of logits z, the maximum subtracted first.
// A target outside [0, C) counts as missing, like weight 0.
// inputs:     prediction f[B, C], target i32[B], weight f[B]
// output:     loss f[B] = weight * the above. A row that is beyond the extent or has weight 0 (a missing target) gives
//             exactly 0, whatever else it holds, NaN included.
// softmax_cross_entropy_loss_gradient: dprediction[j] = weight dloss (softmax(z)_j - [j = target]).
// inputs:     prediction, target, weight, dloss f[B]
// output:     dprediction like prediction, exactly 0 for a row that is beyond the extent or has weight 0
// Both are row-wise. Gradients flow to the prediction only.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& softmax_cross_entropy_loss_op();
const Op& softmax_cross_entropy_loss_gradient_op();
ValueId softmax_cross_entropy_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight);
ValueId softmax_cross_entropy_loss_gradient(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight,
                                            ValueId dloss);

}  // namespace tensile::ops
