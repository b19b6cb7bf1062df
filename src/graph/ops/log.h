// log: elementwise natural logarithm.
// input:  x f[...]
// output: y like x
// Row-wise. Its gradient, dx = dy / x, is made of other ops.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& log_op();
ValueId log(ProgramBuilder& builder, ValueId x);

}  // namespace tensile::ops
