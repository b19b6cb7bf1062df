// convolution_2d: cross-correlation of feature maps with a bank of kernels (zero padding).
// inputs:     x f[images H W, C], weights f[kernel_height kernel_width C, O]: row (i kernel_width + j) C + c is what
//             channel c of the pixel at (i, j) of the window contributes
// attributes: the window (graph/ops/window.h); H, W are its height and width, H', W' those of its output
// output:     y f[images H' W', O], y[p, o] = sum over i, j, c of x[pixel (i, j) of window p, c] weights[i, j, c, o]
// convolution_2d_gradient_input: the transposed map, which sends each dy[p, o] back through the weights.
// inputs:     dy f[images H' W', O], weights
// output:     dx f[images H W, C]
// convolution_2d_gradient_weights: reduction over all pixels of all images.
// inputs:     x, dy
// output:     dweights f[kernel_height kernel_width C, O]
// None is row-wise, and all maps have static shapes. A kernel of one pixel with stride 1 is a plain matmul. The float
// reference sums in the order of the formula; devices may sum in another.
// (Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285.)
#pragma once

#include "graph/ops/window.h"
#include "graph/program.h"

namespace tensile::ops {

const Op& convolution_2d_op();
const Op& convolution_2d_gradient_input_op();
const Op& convolution_2d_gradient_weights_op();
ValueId convolution_2d(ProgramBuilder& builder, ValueId x, ValueId weights, const Window& window);
ValueId convolution_2d_gradient_input(ProgramBuilder& builder, ValueId dy, ValueId weights, const Window& window);
ValueId convolution_2d_gradient_weights(ProgramBuilder& builder, ValueId x, ValueId dy, const Window& window);

}  // namespace tensile::ops
