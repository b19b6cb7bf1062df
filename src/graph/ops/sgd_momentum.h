// sgd_momentum: one step of stochastic gradient descent with momentum on one parameter, in place, elementwise:
//   g = gradient_scale * gradient + weight_decay * parameter
//   velocity = momentum * velocity + g
//   parameter = parameter - learning_rate * velocity
// inputs:  parameter, gradient, velocity of one floating type and shape; learning_rate, momentum, weight_decay,
//          gradient_scale f[]
// outputs: parameter (in the buffer of input 0), velocity (in the buffer of input 2)
// Not row-wise. Not differentiable.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

// What every form of SGD is told at each step.
struct SgdScalars {
    ValueId learning_rate;
    ValueId momentum;
    ValueId weight_decay;
    ValueId gradient_scale;
};
struct SgdState {
    ValueId parameter;
    ValueId velocity;
};

const Op& sgd_momentum_op();
SgdState sgd_momentum(ProgramBuilder& builder, const SgdState& state, ValueId gradient, const SgdScalars& scalars);

}  // namespace tensile::ops
