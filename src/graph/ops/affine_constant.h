// affine_constant: multiplies by one constant and adds another.
// input:      x f[...]
// attributes: multiplier, offset: numbers known when the program is built
// output:     y like x, y = multiplier * x + offset
// Row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& affine_constant_op();
ValueId affine_constant(ProgramBuilder& builder, ValueId x, double multiplier, double offset);

}  // namespace tensile::ops
