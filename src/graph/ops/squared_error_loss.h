// squared_error_loss: (prediction - target)^2.
// inputs:     prediction f[B] or f[B, 1], target f[B] or f[B, 1], weight f[B]
// output:     loss f[B] = weight * the above. A row that is beyond the extent or has weight 0 (a missing target) gives
//             exactly 0, whatever else it holds, NaN included.
// squared_error_loss_gradient: dprediction = 2 weight dloss (prediction - target).
// inputs:     prediction, target, weight, dloss f[B]
// output:     dprediction like prediction, exactly 0 for a row that is beyond the extent or has weight 0
// Both are row-wise. Gradients flow to the prediction only.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& squared_error_loss_op();
const Op& squared_error_loss_gradient_op();
ValueId squared_error_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight);
ValueId squared_error_loss_gradient(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight,
                                    ValueId dloss);

}  // namespace tensile::ops
