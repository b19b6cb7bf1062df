// add_scalars: sum of scalars, in input order (the losses of several tasks, partial sums of squares).
// inputs: one or more f[]
// output: y f[]
// Row-wise (one row).
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& add_scalars_op();
ValueId add_scalars(ProgramBuilder& builder, std::span<const ValueId> terms);

}  // namespace tensile::ops
