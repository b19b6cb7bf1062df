// column_sum: sum over the present rows of a matrix, in the order of graph/blocked_sum.h.
// input:  x f[B, N]
// output: y f[N], y[j] = sum over i < extent of x[i, j]
// Reduction over the batch.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& column_sum_op();
ValueId column_sum(ProgramBuilder& builder, ValueId x);

}  // namespace tensile::ops
