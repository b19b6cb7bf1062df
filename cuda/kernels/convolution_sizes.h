// The maps of both sides of a convolution and its weights, whatever the direction in which they are used. Knows no way
// of computing it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/window.h"

namespace tensile::cuda {

// Maps before the window are [images height width, channels], those behind it [images output_height output_width,
// kernels], weights [taps channels, kernels].
struct ConvolutionSizes {
    Window window;
    int images;
    int channels;
    int kernels;

    // `input`, `output`: the types of the maps before and behind the window. Throws PluginError (TENSILE_UNSUPPORTED)
    // where 32 bits do not count them.
    ConvolutionSizes(const OpProblem& problem, const TensorType& input, const TensorType& output)
        : window(problem),
          images(static_cast<int>(input.rows() / window.input_pixels())),
          channels(static_cast<int>(input.dim(1))),
          kernels(static_cast<int>(output.dim(1))) {
        require_32_bits(problem, input.dim(1));
        require_32_bits(problem, output.dim(1));
        require_32_bits(problem, std::int64_t{window.taps()} * channels);
    }
    int weight_rows() const { return window.taps() * channels; }
    // Pixels of all output maps, each a position of the window.
    std::int64_t positions() const { return std::int64_t{images} * window.output_pixels(); }
    std::size_t weight_bytes() const {
        return static_cast<std::size_t>(weight_rows()) * static_cast<std::size_t>(kernels) * sizeof(float);
    }
    std::size_t map_bytes() const {
        const std::size_t input = static_cast<std::size_t>(window.input_pixels()) * static_cast<std::size_t>(channels);
        const std::size_t output = static_cast<std::size_t>(window.output_pixels()) * static_cast<std::size_t>(kernels);
        return static_cast<std::size_t>(images) * (input + output) * sizeof(float);
    }
};

}  // namespace tensile::cuda
