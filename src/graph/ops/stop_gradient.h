// stop_gradient: the identity, through which no gradient flows.
// input:  x of any type
// output: y like x
// Row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& stop_gradient_op();
ValueId stop_gradient(ProgramBuilder& builder, ValueId x);

}  // namespace tensile::ops
