// concat_rows: puts tensors below one another (the slots of several row-sparse gradients, say).
// inputs: one or more x_i [n_i, ...] of one type (any, integers too), static, alike but for the leading dimension
// output: y [sum of n_i, ...], in input order
// Not row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& concat_rows_op();
ValueId concat_rows(ProgramBuilder& builder, std::span<const ValueId> parts);
// Both members of several row-sparse gradients of one table.
SparseRows concat_rows(ProgramBuilder& builder, std::span<const SparseRows> parts);

}  // namespace tensile::ops
