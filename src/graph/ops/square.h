// square: elementwise x^2.
// input:  x f[...]
// output: y like x
// square_gradient: dx = 2 x dy.
// inputs: x like x (the input of the forward op), dy like x
// output: dx like x
// Both are row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& square_op();
const Op& square_gradient_op();
ValueId square(ProgramBuilder& builder, ValueId x);
ValueId square_gradient(ProgramBuilder& builder, ValueId x, ValueId dy);

}  // namespace tensile::ops
