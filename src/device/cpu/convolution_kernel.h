// Convolutions as matrix products without ever storing all patches: a tile gathers the patches of a block of pixels
// into its scratch, a piece of their terms at a time, and multiplies. How the work is cut is decided from shapes.
//
//   y        a tile owns rows of y:     y = patches(x) weights
//   dx       a tile owns rows of dx:    dx = sum over taps of shifted(dy) transposed(weights of the tap). With a stride
//            the pixels whose coordinates leave the same remainders see the same taps; each such class is cut by itself
//   dweights a tile owns a block of them and sums over all pixels; the product is transposed(dy) patches(x), because
//            dy is the smaller one to transpose. Where that would take too long, tiles sum over spans of pixels into
//            the node's scratch, and a second phase adds the spans up in order
#pragma once

#include <memory>
#include <string_view>

#include "device/cpu/product_kernel.h"
#include "device/cpu/tile_kernel.h"

namespace tensile {

// The kernel of one of the three convolution ops.
std::unique_ptr<const ProductKernel> make_convolution_kernel(const OnednnLibrary& library, std::string_view op,
                                                             const NodeTypes& node);

// Adds the plans of the three ops. Their first phase has no function: it is the tiles of make_convolution_kernel().
void add_convolution_plans(KernelTable& table);

}  // namespace tensile
