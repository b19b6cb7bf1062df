// relu: elementwise max(x, 0).
// input:  x f[...]
// output: y like x
// relu_gradient: dx = dy where y > 0, else 0.
// inputs: y like x (the result of the forward op), dy like x
// output: dx like x
// Both are row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& relu_op();
const Op& relu_gradient_op();
ValueId relu(ProgramBuilder& builder, ValueId x);
ValueId relu_gradient(ProgramBuilder& builder, ValueId y, ValueId dy);

}  // namespace tensile::ops
