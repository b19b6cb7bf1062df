// sum_of_squares: sum of x^2 over all elements of the present rows, in the order of graph/blocked_sum.h.
// input:  x f[...]
// output: y f[]
// Reduction over the batch.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& sum_of_squares_op();
ValueId sum_of_squares(ProgramBuilder& builder, ValueId x);

}  // namespace tensile::ops
