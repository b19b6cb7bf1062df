// Row kernels of layer normalisation; its reduction over the batch is in column_reductions.cu. The variance is taken
// around the mean in a second pass, over registers where the row fits into them.
#include <cmath>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/function_kernel.h"
#include "cuda/kernels/row_group.h"

namespace tensile::cuda {

namespace {

struct LayerNormOperands {
    const float* x;
    const float* gamma;
    const float* beta;
    float* y;
    float* mean;
    float* inverse_deviation;
    std::int64_t rows;
    int width;
    float epsilon;
};

// y may be x.
template <int kThreads, int kValues>
__global__ void layer_norm_kept(LayerNormOperands operands) {
    __shared__ float shared[kWarps];
    const RowGroup<kThreads> group(shared);
    const std::int64_t row = group.row();
    const int width = row < operands.rows ? operands.width : 0;
    const float* x = operands.x + row * operands.width;
    const auto columns = static_cast<float>(operands.width);
    float values[kValues];
    float sum = 0;
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        const int column = group.lane() + k * kThreads;
        values[k] = column < width ? x[column] : 0;
        sum += values[k];
    }
    const float mean = group.reduce(sum, Sum()) / columns;
    float squares = 0;
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        values[k] -= mean;
        if (group.lane() + k * kThreads < width) squares = fmaf(values[k], values[k], squares);
    }
    const float inverse = 1 / sqrtf(group.reduce(squares, Sum()) / columns + operands.epsilon);
    float* y = operands.y + row * operands.width;
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        const int column = group.lane() + k * kThreads;
        if (column < width) y[column] = fmaf(values[k] * inverse, operands.gamma[column], operands.beta[column]);
    }
    if (group.lane() == 0 && width > 0) {
        operands.mean[row] = mean;
        operands.inverse_deviation[row] = inverse;
    }
}

// One block a row.
__global__ void layer_norm_streamed(LayerNormOperands operands) {
    __shared__ float shared[kWarps];
    const RowGroup<kBlockThreads> group(shared);
    const std::int64_t row = group.row();
    const int width = operands.width;
    const float* x = operands.x + row * width;
    float sum = 0;
    for (int column = group.lane(); column < width; column += kBlockThreads)
        sum += x[column];
    const float mean = group.reduce(sum, Sum()) / static_cast<float>(width);
    float squares = 0;
    for (int column = group.lane(); column < width; column += kBlockThreads) {
        const float deviation = x[column] - mean;
        squares = fmaf(deviation, deviation, squares);
    }
    const float inverse = 1 / sqrtf(group.reduce(squares, Sum()) / static_cast<float>(width) + operands.epsilon);
    float* y = operands.y + row * width;
    for (int column = group.lane(); column < width; column += kBlockThreads)
        y[column] = fmaf((x[column] - mean) * inverse, operands.gamma[column], operands.beta[column]);
    if (group.lane() == 0) {
        operands.mean[row] = mean;
        operands.inverse_deviation[row] = inverse;
    }
}

struct GradientOperands {
    const float* x;
    const float* gamma;
    const float* mean;
    const float* inverse_deviation;
    const float* dy;
    float* dx;
    std::int64_t rows;
    int width;
};

// dx = inverse_deviation (g - mean_g - h mean_gh) with g = dy gamma, h = (x - mean) inverse_deviation. dx may be x or
// dy.
template <int kThreads, int kValues>
__global__ void layer_norm_gradient_kept(GradientOperands operands) {
    __shared__ float shared[kWarps];
    const RowGroup<kThreads> group(shared);
    const std::int64_t row = group.row();
    const int width = row < operands.rows ? operands.width : 0;
    const std::int64_t begin = row * operands.width;
    const float mean = width > 0 ? operands.mean[row] : 0;
    const float inverse = width > 0 ? operands.inverse_deviation[row] : 0;
    float standardised[kValues];
    float scaled[kValues];
    float sum_g = 0;
    float sum_gh = 0;
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        const int column = group.lane() + k * kThreads;
        const bool present = column < width;
        standardised[k] = present ? (operands.x[begin + column] - mean) * inverse : 0;
        scaled[k] = present ? operands.dy[begin + column] * operands.gamma[column] : 0;
        sum_g += scaled[k];
        sum_gh = fmaf(scaled[k], standardised[k], sum_gh);
    }
    const float mean_g = group.reduce(sum_g, Sum()) / static_cast<float>(operands.width);
    const float mean_gh = group.reduce(sum_gh, Sum()) / static_cast<float>(operands.width);
#pragma unroll
    for (int k = 0; k < kValues; ++k) {
        const int column = group.lane() + k * kThreads;
        if (column < width) operands.dx[begin + column] = inverse * (scaled[k] - mean_g - standardised[k] * mean_gh);
    }
}

__global__ void layer_norm_gradient_streamed(GradientOperands operands) {
    __shared__ float shared[kWarps];
    const RowGroup<kBlockThreads> group(shared);
    const std::int64_t row = group.row();
    const int width = operands.width;
    const std::int64_t begin = row * width;
    const float mean = operands.mean[row];
    const float inverse = operands.inverse_deviation[row];
    float sum_g = 0;
    float sum_gh = 0;
    for (int column = group.lane(); column < width; column += kBlockThreads) {
        const float g = operands.dy[begin + column] * operands.gamma[column];
        sum_g += g;
        sum_gh = fmaf(g, (operands.x[begin + column] - mean) * inverse, sum_gh);
    }
    const float mean_g = group.reduce(sum_g, Sum()) / static_cast<float>(width);
    const float mean_gh = group.reduce(sum_gh, Sum()) / static_cast<float>(width);
    for (int column = group.lane(); column < width; column += kBlockThreads) {
        const float g = operands.dy[begin + column] * operands.gamma[column];
        const float h = (operands.x[begin + column] - mean) * inverse;
        operands.dx[begin + column] = inverse * (g - mean_g - h * mean_gh);
    }
}

std::unique_ptr<Kernel> make_layer_norm(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    require_32_bits(problem, type.dim(1));
    const auto epsilon = static_cast<float>(problem.number("epsilon"));
    return function_kernel({.overwritable_inputs = 1}, [type, epsilon](const KernelArguments& call) {
        const LayerNormOperands operands{call.input<float>(0),
                                         call.input<float>(1),
                                         call.input<float>(2),
                                         call.output<float>(0),
                                         call.output<float>(1),
                                         call.output<float>(2),
                                         type.present_rows(call.extents),
                                         static_cast<int>(type.dim(1)),
                                         epsilon};
        if (operands.rows == 0) return;
        with_row_form(type.dim(1), [&]<int kThreads, int kValues>() {
            auto* kernel = &layer_norm_streamed;
            if constexpr (kValues > 0) kernel = &layer_norm_kept<kThreads, kValues>;
            launch_kernel(kernel, blocks_of_rows<kThreads>(operands.rows), kBlockThreads, call.stream.stream,
                          "layer_norm", operands);
        });
    });
}

std::unique_ptr<Kernel> make_layer_norm_gradient(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    require_32_bits(problem, type.dim(1));
    constexpr std::uint64_t kXAndGradient = 0b10001;
    return function_kernel({.overwritable_inputs = kXAndGradient}, [type](const KernelArguments& call) {
        const GradientOperands operands{call.input<float>(0),
                                        call.input<float>(1),
                                        call.input<float>(2),
                                        call.input<float>(3),
                                        call.input<float>(4),
                                        call.output<float>(0),
                                        type.present_rows(call.extents),
                                        static_cast<int>(type.dim(1))};
        if (operands.rows == 0 || operands.width == 0) return;
        with_row_form(type.dim(1), [&]<int kThreads, int kValues>() {
            auto* kernel = &layer_norm_gradient_streamed;
            if constexpr (kValues > 0) kernel = &layer_norm_gradient_kept<kThreads, kValues>;
            launch_kernel(kernel, blocks_of_rows<kThreads>(operands.rows), kBlockThreads, call.stream.stream,
                          "layer_norm_gradient_input", operands);
        });
    });
}

}  // namespace

void register_layer_norm(KernelRegistry& registry) {
    registry.add("layer_norm", &make_layer_norm);
    registry.add("layer_norm_gradient_input", &make_layer_norm_gradient);
}

}  // namespace tensile::cuda
