// pinball: the loss of a quantile, elementwise (Koenker, Bassett: "Regression quantiles", Econometrica 46, 1978).
// input:      x f[...]: error, target - prediction
// attributes: level in (0, 1)
// output:     y like x, y = level x where x > 0, else (level - 1) x. Its mean is least for the quantile of that level;
//             level 0.5 gives half the absolute error.
// pinball_gradient: dx = level dy where x > 0, else (level - 1) dy.
// inputs:     x, dy like x
// attributes: level
// output:     dx like x
// Both are row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& pinball_op();
const Op& pinball_gradient_op();
ValueId pinball(ProgramBuilder& builder, ValueId x, double level);
ValueId pinball_gradient(ProgramBuilder& builder, ValueId x, ValueId dy, double level);

}  // namespace tensile::ops
