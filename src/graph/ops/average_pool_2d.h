// average_pool_2d: the mean of each window, channel by channel. With a window as large as the map it is global average
// pooling.
// input:      x f[images H W, C]
// attributes: the window (graph/ops/window.h); every position of it holds at least one pixel, so padding is less than
//             the kernel. count_padding: 0 to divide by the pixels that the window sees, 1 by all pixels of the kernel,
//             padding included
// output:     y f[images H' W', C]
// average_pool_2d_gradient: shares each dy out equally among the pixels of its window.
// input:      dy f[images H' W', C]
// attributes: as above
// output:     dx f[images H W, C]
// Neither is row-wise; all maps have static shapes.
#pragma once

#include "graph/ops/window.h"
#include "graph/program.h"

namespace tensile::ops {

const Op& average_pool_2d_op();
const Op& average_pool_2d_gradient_op();
ValueId average_pool_2d(ProgramBuilder& builder, ValueId x, const Window& window, bool count_padding = false);
ValueId average_pool_2d_gradient(ProgramBuilder& builder, ValueId dy, const Window& window, bool count_padding);

}  // namespace tensile::ops
