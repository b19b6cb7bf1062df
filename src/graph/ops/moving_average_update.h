// moving_average_update: running averages of statistics, in place.
// inputs:     running f[...], sample like running
// attributes: momentum in [0, 1]
// output:     like running and in its buffer: momentum * running + (1 - momentum) * sample
// Not row-wise. Not differentiable.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& moving_average_update_op();
ValueId moving_average_update(ProgramBuilder& builder, ValueId running, ValueId sample, double momentum);

}  // namespace tensile::ops
