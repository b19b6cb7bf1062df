// The window of convolutions and pooling as kernels see it; what it means is in graph/ops/window.h, which the plug-in
// does not include. Feature maps are matrices of pixels by channels (NHWC).
#pragma once

#include <cstdint>

#include "cuda/kernels/function_kernel.h"
#include "cuda/op_problem.h"

namespace tensile::cuda {

struct Window {
    int height;  // of the input maps
    int width;
    int kernel_height;
    int kernel_width;
    int stride;
    int padding_height;
    int padding_width;
    int output_height;
    int output_width;

    // Throws PluginError (TENSILE_UNSUPPORTED) where maps have more rows than 32 bits count.
    explicit Window(const OpProblem& problem)
        : height(integer(problem, "height")),
          width(integer(problem, "width")),
          kernel_height(integer(problem, "kernel_height")),
          kernel_width(integer(problem, "kernel_width")),
          stride(integer(problem, "stride")),
          padding_height(integer(problem, "padding_height")),
          padding_width(integer(problem, "padding_width")),
          output_height((height + 2 * padding_height - kernel_height) / stride + 1),
          output_width((width + 2 * padding_width - kernel_width) / stride + 1) {
        for (const auto* types : {&problem.inputs, &problem.outputs})
            for (const TensorType& type : *types)
                require_32_bits(problem, type.rows());
    }
    int taps() const { return kernel_height * kernel_width; }
    int input_pixels() const { return height * width; }
    int output_pixels() const { return output_height * output_width; }

  private:
    static int integer(const OpProblem& problem, const char* attribute) {
        const std::int64_t value = problem.integer(attribute);
        require_32_bits(problem, value);
        return static_cast<int>(value);
    }
};

// Positions [first, last) along one axis; none where last <= first.
struct Span {
    int first;
    int last;
    __host__ __device__ int length() const { return last - first; }
};

// Pixels that output position `at` sees.
__host__ __device__ inline Span seen(int at, int stride, int padding, int kernel, int size) {
    const int start = at * stride - padding;
    return {start > 0 ? start : 0, start + kernel < size ? start + kernel : size};
}
// Output positions that see pixel `at`.
__host__ __device__ inline Span seeing(int at, int stride, int padding, int kernel, int outputs) {
    const int before = at + padding - kernel;  // the last start from which the kernel does not reach the pixel
    const int end = (at + padding) / stride + 1;
    return {before < 0 ? 0 : before / stride + 1, end < outputs ? end : outputs};
}

}  // namespace tensile::cuda
