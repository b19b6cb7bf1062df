// scale: multiplies a tensor by a scalar that is a tensor itself (a loss weight, a clipping factor).
// inputs: x f[...], factor f[]
// output: y like x, y = factor * x
// Row-wise; the factor is read whole.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& scale_op();
ValueId scale(ProgramBuilder& builder, ValueId x, ValueId factor);

}  // namespace tensile::ops
