// huber_loss: with e = prediction - target, e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2).
// inputs:     prediction f[B] or f[B, 1], target f[B] or f[B, 1], weight f[B]
// attributes: delta > 0
// output:     loss f[B] = weight * the above. A row that is beyond the extent or has weight 0 (a missing target) gives
//             exactly 0, whatever else it holds, NaN included.
// huber_loss_gradient: dprediction = weight dloss clamp(e, -delta, delta).
// inputs:     prediction, target, weight, dloss f[B]
// attributes: delta > 0
// output:     dprediction like prediction, exactly 0 for a row that is beyond the extent or has weight 0
// Both are row-wise. Gradients flow to the prediction only.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& huber_loss_op();
const Op& huber_loss_gradient_op();
ValueId huber_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight, double delta);
ValueId huber_loss_gradient(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight, ValueId dloss,
                            double delta);

}  // namespace tensile::ops
