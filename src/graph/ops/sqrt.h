// sqrt: elementwise square root.
// input:  x f[...]
// output: y like x
// sqrt_gradient: dx = dy / (2 y).
// inputs: y like x (the result of the forward op), dy like x
// output: dx like x
// Both are row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& sqrt_op();
const Op& sqrt_gradient_op();
ValueId sqrt(ProgramBuilder& builder, ValueId x);
ValueId sqrt_gradient(ProgramBuilder& builder, ValueId y, ValueId dy);

}  // namespace tensile::ops
