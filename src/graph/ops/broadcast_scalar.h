// broadcast_scalar: a tensor that holds one scalar everywhere; the transpose of sum_all.
// input:      value f[]
// attributes: shape: dimensions; extent_slot: the extent slot of the leading dimension, -1 when it is static
// output:     y f[shape]
// Row-wise; the scalar is read whole.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& broadcast_scalar_op();
ValueId broadcast_scalar(ProgramBuilder& builder, ValueId value, const Shape& shape);

}  // namespace tensile::ops
