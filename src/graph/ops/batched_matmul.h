// batched_matmul: independent products of `groups` pairs of matrices that lie below each other.
// inputs:     a f[groups M, K] (f[groups K, M] with transpose_a), b f[groups K, N] (f[groups N, K] with transpose_b)
// attributes: transpose_a, transpose_b: 0 or 1; groups >= 1
// output:     y f[groups M, N], y_g = op(a_g) op(b_g) for the blocks of rows a_g, b_g, y_g of each group g
// With one group this is matmul. Attention's scores are q k^T with a group for each sequence and head. All shapes are
// static: an extent would count rows of all groups. Not row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& batched_matmul_op();
ValueId batched_matmul(ProgramBuilder& builder, ValueId a, ValueId b, std::int64_t groups, bool transpose_a = false,
                       bool transpose_b = false);

}  // namespace tensile::ops
