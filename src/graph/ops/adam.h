// adam: one step of Adam (Kingma, Ba, arXiv 1412.6980) or AdamW (Loshchilov, Hutter, arXiv 1711.05101) on one
// parameter, in place, elementwise:
//   g = gradient_scale * gradient                            (Adam: + weight_decay * parameter)
//   first = beta1 * first + (1 - beta1) * g
//   second = beta2 * second + (1 - beta2) * g^2
//   parameter = parameter                                    (AdamW: * (1 - learning_rate * weight_decay), before the
//   step)
//               - learning_rate * (first / correction1) / (sqrt(second / correction2) + epsilon)
// inputs:     parameter, gradient, first, second of one floating type and shape; step f[7], laid out as AdamStep says;
//             gradient_scale f[]
// attributes: decoupled: 0 Adam, 1 AdamW
// outputs:    parameter, first, second (in the buffers of inputs 0, 2, 3)
// Not row-wise. Not differentiable.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

// Layout of the step tensor.
enum AdamStep : int {
    kAdamLearningRate,
    kAdamBeta1,
    kAdamBeta2,
    kAdamEpsilon,
    kAdamWeightDecay,
    kAdamCorrection1,  // 1 - beta1^t, t = 1 at the first step
    kAdamCorrection2,  // 1 - beta2^t
    kAdamStepLength,
};

// What every form of Adam is told at each step.
struct AdamScalars {
    ValueId step;
    ValueId gradient_scale;
};
struct AdamState {
    ValueId parameter;
    ValueId first;
    ValueId second;
};

const Op& adam_op();
AdamState adam(ProgramBuilder& builder, const AdamState& state, ValueId gradient, const AdamScalars& scalars,
               bool decoupled);

}  // namespace tensile::ops
