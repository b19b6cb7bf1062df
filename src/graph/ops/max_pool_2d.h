// max_pool_2d: the greatest value in each window, channel by channel. Padding is never the greatest.
// input:      x f[images H W, C]
// attributes: the window (graph/ops/window.h); every position of it holds at least one pixel, so padding is less than
//             the kernel
// output:     y f[images H' W', C]
// max_pool_2d_gradient: sends each dy to the pixel that was the greatest, the first (row-major in the window) of equal
// ones. It finds that pixel again in x instead of keeping an index for each output: x stays alive anyway wherever the
// op before it needs it (relu, batch_normalize), so a step's live memory is smaller by one map.
// inputs:     x, dy f[images H' W', C]
// output:     dx like x
// Neither is row-wise; all maps have static shapes.
#pragma once

#include "graph/ops/window.h"
#include "graph/program.h"

namespace tensile::ops {

const Op& max_pool_2d_op();
const Op& max_pool_2d_gradient_op();
ValueId max_pool_2d(ProgramBuilder& builder, ValueId x, const Window& window);
ValueId max_pool_2d_gradient(ProgramBuilder& builder, ValueId x, ValueId dy, const Window& window);

}  // namespace tensile::ops
