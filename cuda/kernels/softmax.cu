// Kernels of softmax over the last axis, of causal_softmax, and of their gradients. A causal row sees the columns up to
// its number within its group of steps; the others are neither read nor anything but zero in the result.
#include <cmath>
#include <limits>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/function_kernel.h"
#include "cuda/kernels/row_group.h"

namespace tensile::cuda {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

__device__ int visible_columns(std::int64_t row, std::int64_t rows, int width, bool causal) {
    if (row >= rows) return 0;
    return causal ? static_cast<int>(row % width) + 1 : width;
}

// x and y may be the same: a thread reads an element for the last time just before it writes it.
template <int kThreads, int kValues>
__global__ void softmax_kept(const float* x, float* y, std::int64_t rows, int width, bool causal) {
    __shared__ float shared[kWarps];
    const RowGroup<kThreads> group(shared);
    const std::int64_t row = group.row();
    const int visible = visible_columns(row, rows, width, causal);
    const float* from = x + row * width;
    float values[kValues];
    float highest = -kInfinity;
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        const int column = group.lane() + k * kThreads;
        values[k] = column < visible ? from[column] : -kInfinity;
        highest = fmaxf(highest, values[k]);
    }
    highest = group.reduce(highest, Greatest());
    // What is not visible adds exp(-infinity) = 0; in a row of nothing but -infinity everything is NaN anyway.
    float sum = 0;
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        values[k] = expf(values[k] - highest);
        sum += values[k];
    }
    const float scale = 1 / group.reduce(sum, Sum());
    if (row >= rows) return;
    float* to = y + row * width;
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        const int column = group.lane() + k * kThreads;
        if (column < width) to[column] = column < visible ? values[k] * scale : 0;
    }
}

// One block a row. Each thread sums up relative to the highest value that it has met itself, so that one reading gives
// both maximum and sum.
__global__ void softmax_streamed(const float* x, float* y, std::int64_t rows, int width, bool causal) {
    __shared__ float shared[kWarps];
    const RowGroup<kBlockThreads> group(shared);
    const std::int64_t row = group.row();
    const int visible = visible_columns(row, rows, width, causal);
    const float* from = x + row * width;
    float highest = -kInfinity;
    float sum = 0;
    for (int column = group.lane(); column < visible; column += kBlockThreads) {
        const float value = from[column];
        if (value == -kInfinity) continue;
        if (value > highest) {
            sum = sum * expf(highest - value) + 1;
            highest = value;
        } else {
            sum += expf(value - highest);
        }
    }
    const float row_highest = group.reduce(highest, Greatest());
    // A thread that has met nothing finite has the sum 0, which needs no factor.
    if (highest > -kInfinity) sum *= expf(highest - row_highest);
    const float scale = 1 / group.reduce(sum, Sum());
    float* to = y + row * width;
    for (int column = group.lane(); column < width; column += kBlockThreads)
        to[column] = column < visible ? expf(from[column] - row_highest) * scale : 0;
}

// dx may be y or dy.
template <int kThreads, int kValues>
__global__ void softmax_gradient_kept(const float* y, const float* dy, float* dx, std::int64_t rows, int width,
                                      bool causal) {
    __shared__ float shared[kWarps];
    const RowGroup<kThreads> group(shared);
    const std::int64_t row = group.row();
    const int visible = visible_columns(row, rows, width, causal);
    const std::int64_t begin = row * width;
    float values[kValues];
    float gradients[kValues];
    float dot = 0;
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        const int column = group.lane() + k * kThreads;
        const bool seen = column < visible;
        values[k] = seen ? y[begin + column] : 0;
        gradients[k] = seen ? dy[begin + column] : 0;
        dot = fmaf(values[k], gradients[k], dot);
    }
    dot = group.reduce(dot, Sum());
    if (row >= rows) return;
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        const int column = group.lane() + k * kThreads;
        if (column < width) dx[begin + column] = column < visible ? values[k] * (gradients[k] - dot) : 0;
    }
}

__global__ void softmax_gradient_streamed(const float* y, const float* dy, float* dx, std::int64_t rows, int width,
                                          bool causal) {
    __shared__ float shared[kWarps];
    const RowGroup<kBlockThreads> group(shared);
    const std::int64_t row = group.row();
    const int visible = visible_columns(row, rows, width, causal);
    const std::int64_t begin = row * width;
    float dot = 0;
    for (int column = group.lane(); column < visible; column += kBlockThreads)
        dot = fmaf(y[begin + column], dy[begin + column], dot);
    dot = group.reduce(dot, Sum());
    for (int column = group.lane(); column < width; column += kBlockThreads) {
        const std::int64_t at = begin + column;
        dx[at] = column < visible ? y[at] * (dy[at] - dot) : 0;
    }
}

// Rows of the last axis: softmax also takes tensors of more than two dimensions.
struct Runs {
    TensorType type;
    std::int64_t width;

    explicit Runs(const OpProblem& problem) : type(problem.outputs[0]), width(type.dims.back()) {
        require_float32_values(problem);
        require_32_bits(problem, width);
    }
    std::int64_t present(const std::int64_t* extents) const {
        return width == 0 ? 0 : type.present_elements(extents) / width;
    }
};

template <bool kCausal>
std::unique_ptr<Kernel> make_softmax(const DeviceContext&, const OpProblem& problem) {
    const Runs runs(problem);
    return function_kernel({.overwritable_inputs = 1}, [runs](const KernelArguments& call) {
        const std::int64_t rows = runs.present(call.extents);
        if (rows == 0) return;
        with_row_form(runs.width, [&]<int kThreads, int kValues>() {
            auto* kernel = &softmax_streamed;
            if constexpr (kValues > 0) kernel = &softmax_kept<kThreads, kValues>;
            launch_kernel(kernel, blocks_of_rows<kThreads>(rows), kBlockThreads, call.stream.stream, "softmax",
                          call.input<float>(0), call.output<float>(0), rows, runs.width, kCausal);
        });
    });
}

template <bool kCausal>
std::unique_ptr<Kernel> make_softmax_gradient(const DeviceContext&, const OpProblem& problem) {
    const Runs runs(problem);
    return function_kernel({.overwritable_inputs = 3}, [runs](const KernelArguments& call) {
        const std::int64_t rows = runs.present(call.extents);
        if (rows == 0) return;
        with_row_form(runs.width, [&]<int kThreads, int kValues>() {
            auto* kernel = &softmax_gradient_streamed;
            if constexpr (kValues > 0) kernel = &softmax_gradient_kept<kThreads, kValues>;
            launch_kernel(kernel, blocks_of_rows<kThreads>(rows), kBlockThreads, call.stream.stream, "softmax_gradient",
                          call.input<float>(0), call.input<float>(1), call.output<float>(0), rows, runs.width, kCausal);
        });
    });
}

}  // namespace

void register_softmax(KernelRegistry& registry) {
    registry.add("softmax", &make_softmax<false>);
    registry.add("softmax_gradient", &make_softmax_gradient<false>);
    registry.add("causal_softmax", &make_softmax<true>);
    registry.add("causal_softmax_gradient", &make_softmax_gradient<true>);
}

}  // namespace tensile::cuda
