// Gathering what a window sees into the rows of a matrix, so that a convolution becomes a matrix product.
#pragma once

#include <cstdint>

#include "graph/ops/window.h"

namespace tensile {

// A patch is kernel.height x kernel.width pixels of `channels` each, row-major: its terms. Patch (y, x) of the grid of
// each image begins at pixel (y step + top, x step + left) of the image's map; what lies outside the map is zero.
struct PatchGrid {
    ops::MapSize map;
    std::int64_t channels = 0;
    ops::MapSize kernel;
    ops::MapSize grid;
    std::int64_t step = 1;
    std::int64_t top = 0;
    std::int64_t left = 0;

    std::int64_t terms() const { return kernel.pixels() * channels; }
};

// to [patches, end - begin] = terms [begin, end) of the patches from `first` on, counted through all images.
void gather_patches(const PatchGrid& grid, const float* maps, std::int64_t first, std::int64_t patches,
                    std::int64_t begin, std::int64_t end, float* to) noexcept;

}  // namespace tensile
