// subtract: elementwise a - b.
// inputs: a, b of one floating type and shape
// output: y of the same type
// Row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& subtract_op();
ValueId subtract(ProgramBuilder& builder, ValueId a, ValueId b);

}  // namespace tensile::ops
