// matmul: product of two matrices.
// inputs:     a f[M, K] (f[K, M] with transpose_a), b f[K, N] (f[N, K] with transpose_b)
// attributes: transpose_a, transpose_b: 0 or 1
// output:     y f[M, N], y = op(a) op(b)
// Row-wise without transpose_a. With transpose_a and without transpose_b both leading dimensions are the reduction:
// they may be bounded (by the same slot), and rows beyond the extent are skipped. In every other case b must be static,
// and a may be bounded only without transpose_a.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& matmul_op();
ValueId matmul(ProgramBuilder& builder, ValueId a, ValueId b, bool transpose_a = false, bool transpose_b = false);

}  // namespace tensile::ops
