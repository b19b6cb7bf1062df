// tanh: elementwise hyperbolic tangent.
// input:  x f[...]
// output: y like x
// tanh_gradient: dx = dy (1 - y^2).
// inputs: y like x (the result of the forward op), dy like x
// output: dx like x
// Both are row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& tanh_op();
const Op& tanh_gradient_op();
ValueId tanh(ProgramBuilder& builder, ValueId x);
ValueId tanh_gradient(ProgramBuilder& builder, ValueId y, ValueId dy);

}  // namespace tensile::ops
