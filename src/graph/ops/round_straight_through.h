// round_straight_through: rounds to the nearest integer, halves to even.
// input:  x f[...]
// output: y like x
// Row-wise. Surrogate gradient: dx = dy, as if the op were the identity (Bengio, Leonard, Courville: "Estimating or
// propagating gradients through stochastic neurons", arXiv 1308.3432).
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& round_straight_through_op();
ValueId round_straight_through(ProgramBuilder& builder, ValueId x);

}  // namespace tensile::ops
