// bias_add: adds one row to every row of a matrix.
// inputs: x f[B, N], bias f[N]
// output: y f[B, N], y[i, j] = x[i, j] + bias[j]
// Row-wise; the bias is read whole.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& bias_add_op();
ValueId bias_add(ProgramBuilder& builder, ValueId x, ValueId bias);

}  // namespace tensile::ops
