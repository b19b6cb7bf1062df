// silu: elementwise x s(x), s the logistic function.
// input:  x f[...]
// output: y like x
// silu_gradient: dx = dy s(x) (1 + x (1 - s(x))).
// inputs: x like x (the input of the forward op), dy like x
// output: dx like x
// Both are row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& silu_op();
const Op& silu_gradient_op();
ValueId silu(ProgramBuilder& builder, ValueId x);
ValueId silu_gradient(ProgramBuilder& builder, ValueId x, ValueId dy);

}  // namespace tensile::ops
