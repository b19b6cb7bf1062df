// concat_columns: puts matrices side by side.
// inputs: one or more f[B, N_i] with the same rows
// output: y f[B, sum of N_i], columns in input order
// Row-wise.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& concat_columns_op();
ValueId concat_columns(ProgramBuilder& builder, std::span<const ValueId> parts);

}  // namespace tensile::ops
