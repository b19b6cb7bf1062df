// exp: elementwise e^x.
// input:  x f[...]
// output: y like x
// Row-wise. Its gradient, dx = dy y, is made of other ops.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& exp_op();
ValueId exp(ProgramBuilder& builder, ValueId x);

}  // namespace tensile::ops
