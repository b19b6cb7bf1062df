// sigmoid: elementwise 1 / (1 + exp(-x)), computed without overflow for either sign.
// input:  x f[...]
// output: y like x
// sigmoid_gradient: dx = dy y (1 - y).
// inputs: y like x (the result of the forward op), dy like x
// output: dx like x
// Both are row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& sigmoid_op();
const Op& sigmoid_gradient_op();
ValueId sigmoid(ProgramBuilder& builder, ValueId x);
ValueId sigmoid_gradient(ProgramBuilder& builder, ValueId y, ValueId dy);

}  // namespace tensile::ops
