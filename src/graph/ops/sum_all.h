// sum_all: sum of all elements of the present rows, in the order of graph/blocked_sum.h.
// input:  x f[...]
// output: y f[]
// Reduction over the batch.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& sum_all_op();
ValueId sum_all(ProgramBuilder& builder, ValueId x);

}  // namespace tensile::ops
