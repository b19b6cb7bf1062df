// reshape: the same elements in row-major order as a matrix of another width.
// input:      x f[R, N], static
// attributes: columns, a divisor of R N
// output:     y f[R N / columns, columns]
// Turns maps of pixels by channels into one row an image, and back (which is its gradient). Not row-wise. A copy: the
// shape of a buffer is fixed when it is written, and x may be read again.
#pragma once

#include "graph/program.h"

namespace tensile::ops {

const Op& reshape_op();
ValueId reshape(ProgramBuilder& builder, ValueId x, std::int64_t columns);

}  // namespace tensile::ops
