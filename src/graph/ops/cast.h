// cast: converts to another element type.
// input:      x of any type
// attributes: dtype: the DType of the result as a number
// output:     y of the same shape. To an integer: towards zero, NaN to 0, out of range to the nearest value that fits.
// To
//             bf16: to nearest, halves to even.
// Row-wise. Differentiable between floating types (the gradient is cast back); elsewhere the gradient stops.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& cast_op();
ValueId cast(ProgramBuilder& builder, ValueId x, DType dtype);

}  // namespace tensile::ops
