// inner_product: sum of a * b over all elements of the present rows, in the order of graph/blocked_sum.h.
// inputs: a, b of one floating type and shape
// output: y f[]
// Reduction over the batch.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& inner_product_op();
ValueId inner_product(ProgramBuilder& builder, ValueId a, ValueId b);

}  // namespace tensile::ops
