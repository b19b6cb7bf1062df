// The geometry of ops that move a window over feature maps: convolutions and pooling.
//
// Feature maps are matrices: row (image * height + y) * width + x holds the channels of one pixel, so that ops on rows
// and columns (bias_add, batch_normalize, relu, concat_columns, ...) work on them as they are. Their number of rows is
// static: an extent counts rows, and the maps behind a window with a stride or without padding have other rows than
// those before it, so one extent could not serve both.
#pragma once

#include <algorithm>
#include <cstdint>

#include "graph/attributes.h"
#include "graph/ops/input_check.h"

namespace tensile::ops {

// Pixels of one map.
struct MapSize {
    std::int64_t height = 1;
    std::int64_t width = 1;

    std::int64_t pixels() const { return height * width; }
    bool operator==(const MapSize&) const = default;
};

// Output pixel (y, x) sees the input pixels (y stride - padding_height + i, x stride - padding_width + j) for i in
// [0, kernel_height), j in [0, kernel_width). Those outside the map are padding.
struct Window {
    std::int64_t height = 1;  // of the input maps
    std::int64_t width = 1;
    std::int64_t kernel_height = 1;
    std::int64_t kernel_width = 1;
    std::int64_t stride = 1;
    std::int64_t padding_height = 0;
    std::int64_t padding_width = 0;

    MapSize input() const { return {height, width}; }
    // Positions of the window that lie within the padded map.
    MapSize output() const {
        return {(height + 2 * padding_height - kernel_height) / stride + 1,
                (width + 2 * padding_width - kernel_width) / stride + 1};
    }
    std::int64_t taps() const { return kernel_height * kernel_width; }
    // Of the taps of output row `row`, those that are not padding.
    std::int64_t seen_pixels(std::int64_t row) const {
        const std::int64_t top = row / output().width % output().height * stride - padding_height;
        const std::int64_t left = row % output().width * stride - padding_width;
        return (std::min(top + kernel_height, height) - std::max<std::int64_t>(top, 0)) *
               (std::min(left + kernel_width, width) - std::max<std::int64_t>(left, 0));
    }
    // Images in a matrix of input or output maps with that many rows.
    std::int64_t images_of_input(std::int64_t rows) const { return rows / input().pixels(); }
    std::int64_t images_of_output(std::int64_t rows) const { return rows / output().pixels(); }
};

// A square window over square or other maps.
inline Window square_window(const MapSize& map, std::int64_t kernel, std::int64_t stride = 1,
                            std::int64_t padding = 0) {
    return {map.height, map.width, kernel, kernel, stride, padding, padding};
}

Attributes to_attributes(const Window& window);
Window window_of(const Attributes& attributes);

// Every pair of an output pixel and an input pixel that its window sees, for reference kernels: body(output row, input
// row, tap) with output rows in order and taps in order (row-major within the kernel).
template <typename Body>
void for_each_contact(const Window& window, std::int64_t images, const Body& body) {
    const MapSize output = window.output();
    for (std::int64_t row = 0; row < images * output.pixels(); ++row) {
        const std::int64_t image = row / output.pixels();
        const std::int64_t top = row / output.width % output.height * window.stride - window.padding_height;
        const std::int64_t left = row % output.width * window.stride - window.padding_width;
        for (std::int64_t tap = 0; tap < window.taps(); ++tap) {
            const std::int64_t y = top + tap / window.kernel_width;
            const std::int64_t x = left + tap % window.kernel_width;
            if (y < 0 || y >= window.height || x < 0 || x >= window.width) continue;
            body(row, (image * window.height + y) * window.width + x, tap);
        }
    }
}

// Of a shape rule: the window is one that fits into its maps.
void check_window(const InputCheck& check, const Window& window);
// That, and every position of the window sees at least one pixel.
void check_pooling_window(const InputCheck& check, const Window& window);
// Input `input` is a matrix of floating feature maps of that size.
void check_maps(const InputCheck& check, std::span<const TensorType> inputs, std::size_t input, const MapSize& map);
// The shape rule of pooling: the maps that input 0 becomes.
TensorType pooled_type(const InputCheck& check, std::span<const TensorType> inputs, const Window& window);

}  // namespace tensile::ops
