// absolute: y = |x|, element by element, of any rank.
// absolute_gradient: dx = dy where x > 0, -dy where x < 0, 0 where x = 0 (a subgradient).
// inputs: x, dy of the same type
// Row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& absolute_op();
const Op& absolute_gradient_op();
ValueId absolute(ProgramBuilder& builder, ValueId x);
ValueId absolute_gradient(ProgramBuilder& builder, ValueId x, ValueId dy);

}  // namespace tensile::ops
