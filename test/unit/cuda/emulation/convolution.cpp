// Convolutions on host memory, pixel by pixel; see cudnn.h. Strict where the library is silent: wrong descriptors are
// errors, and algorithms whose bits may differ from launch to launch, or that leave float32, are complaints.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "unit/cuda/emulation/cudnn.h"
#include "unit/cuda/emulation/emulation.h"

struct EmulatedMaps {
    bool is_set = false;
    int n = 0;  // of a filter: kernels
    int c = 0;
    int h = 0;
    int w = 0;
};

struct EmulatedConvolution {
    bool is_set = false;
    int padding_height = 0;
    int padding_width = 0;
    int stride_height = 1;
    int stride_width = 1;
    cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

namespace {

using tensile::cuda_emulation::complain;

bool& convolutions_supported() {
    static bool supported = true;
    return supported;
}

struct Problem {
    EmulatedMaps x;
    EmulatedMaps w;
    EmulatedMaps y;
    EmulatedConvolution convolution;

    bool fits() const {
        const auto reached = [](int size, int padding, int kernel, int stride) {
            return (size + 2 * padding - kernel) / stride + 1;
        };
        return x.is_set && w.is_set && y.is_set && convolution.is_set && x.n == y.n && x.c == w.c && y.c == w.n &&
               y.h == reached(x.h, convolution.padding_height, w.h, convolution.stride_height) &&
               y.w == reached(x.w, convolution.padding_width, w.w, convolution.stride_width);
    }
};

// Bytes that an algorithm overwrites: odd numbers, none of them a multiple of any alignment.
std::size_t workspace_of(int algorithm) {
    return static_cast<std::size_t>(algorithm) * 100 + 1;
}

// What the library would say first is what a caller must not take: bits that may differ, TensorFloat-32, and too much
// memory.
template <typename Algorithm>
cudnnStatus_t rank(const Problem& problem, std::span<const EmulatedRank<Algorithm>> all, int room, int* count,
                   EmulatedRank<Algorithm>* ranked) {
    if (!problem.fits() || room < 1) return CUDNN_STATUS_BAD_PARAM;
    *count = convolutions_supported() ? std::min(room, static_cast<int>(all.size())) : 0;
    std::copy_n(all.begin(), *count, ranked);
    return CUDNN_STATUS_SUCCESS;
}

template <typename Algorithm>
EmulatedRank<Algorithm> entry(Algorithm algorithm, cudnnDeterminism_t determinism, cudnnMathType_t math,
                              cudnnStatus_t status = CUDNN_STATUS_SUCCESS) {
    return {algorithm, status, 1, workspace_of(algorithm), determinism, math, {}};
}

cudnnStatus_t workspace_size(const Problem& problem, int algorithm, bool implemented, std::size_t* bytes) {
    if (!problem.fits()) return CUDNN_STATUS_BAD_PARAM;
    if (!implemented || !convolutions_supported()) return CUDNN_STATUS_NOT_SUPPORTED;
    *bytes = workspace_of(algorithm);
    return CUDNN_STATUS_SUCCESS;
}

// Calls body(pixel of y, pixel of x, tap of the kernel) for each that meet.
template <typename Body>
void for_each_meeting(const Problem& problem, const Body& body) {
    const auto& [x, w, y, convolution] = problem;
    for (std::ptrdiff_t pixel = 0; pixel < std::ptrdiff_t{y.n} * y.h * y.w; ++pixel) {
        const std::ptrdiff_t image = pixel / (y.h * y.w);
        for (int tap = 0; tap < w.h * w.w; ++tap) {
            const std::ptrdiff_t row =
                pixel / y.w % y.h * convolution.stride_height - convolution.padding_height + tap / w.w;
            const std::ptrdiff_t column =
                pixel % y.w * convolution.stride_width - convolution.padding_width + tap % w.w;
            if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
            body(pixel, (image * x.h + row) * x.w + column, tap);
        }
    }
}

// y, x and w of one channel of one kernel at a meeting.
template <typename Body>
void for_each_product(const Problem& problem, const Body& body) {
    const std::ptrdiff_t channels = problem.x.c;
    const std::ptrdiff_t taps = std::ptrdiff_t{problem.w.h} * problem.w.w;
    for_each_meeting(problem, [&](std::ptrdiff_t y, std::ptrdiff_t x, std::ptrdiff_t tap) {
        for (std::ptrdiff_t kernel = 0; kernel < problem.w.n; ++kernel)
            for (std::ptrdiff_t channel = 0; channel < channels; ++channel)
                body(y * problem.w.n + kernel, x * channels + channel, (kernel * taps + tap) * channels + channel);
    });
}

std::size_t elements(const EmulatedMaps& maps) {
    return static_cast<std::size_t>(maps.n) * static_cast<std::size_t>(maps.c) * static_cast<std::size_t>(maps.h) *
           static_cast<std::size_t>(maps.w);
}

struct Scratch {
    void* data;
    std::size_t bytes;
};

// Enqueues `products` behind the checks that all directions share; `result` is cleared before.
template <typename Products>
cudnnStatus_t run(cudnnHandle_t handle, const Problem& problem, int algorithm, bool deterministic,
                  const Scratch& workspace, const void* alpha, const void* beta, float* result, std::size_t count,
                  Products products) {
    if (!problem.fits()) return CUDNN_STATUS_BAD_PARAM;
    if (!convolutions_supported()) return CUDNN_STATUS_NOT_SUPPORTED;
    if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0)
        return CUDNN_STATUS_NOT_SUPPORTED;
    if (workspace.bytes < workspace_of(algorithm)) return CUDNN_STATUS_BAD_PARAM;
    if (!deterministic) complain("convolution by an algorithm that is not deterministic");
    if (problem.convolution.math != CUDNN_FMA_MATH) complain("convolution of float32 that may use TensorFloat-32");
    tensile::cuda_emulation::enqueue(cudnn_stream(handle), [=] {
        std::memset(workspace.data, 0xFF, workspace_of(algorithm));
        std::fill_n(result, count, 0.0F);
        for_each_product(problem, products);
    });
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t set_maps(EmulatedMaps* maps, cudnnTensorFormat_t format, cudnnDataType_t type, int n, int c, int h,
                       int w) {
    if (maps == nullptr || n < 1 || c < 1 || h < 1 || w < 1) return CUDNN_STATUS_BAD_PARAM;
    if (format != CUDNN_TENSOR_NHWC || type != CUDNN_DATA_FLOAT) return CUDNN_STATUS_NOT_SUPPORTED;
    *maps = {true, n, c, h, w};
    return CUDNN_STATUS_SUCCESS;
}

template <typename Struct>
cudnnStatus_t create(Struct** descriptor) {
    *descriptor = std::make_unique<Struct>().release();
    return CUDNN_STATUS_SUCCESS;
}
template <typename Struct>
cudnnStatus_t destroy(Struct* descriptor) {
    const std::unique_ptr<Struct> owned(descriptor);
    return CUDNN_STATUS_SUCCESS;
}

}  // namespace

void set_convolutions_supported(bool supported) {
    convolutions_supported() = supported;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor) {
    return create(descriptor);
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) {
    return destroy(descriptor);
}
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
    return set_maps(descriptor, format, type, n, c, h, w);
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor) {
    return create(descriptor);
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) {
    return destroy(descriptor);
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
    return set_maps(descriptor, format, type, k, c, h, w);
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor) {
    return create(descriptor);
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) {
    return destroy(descriptor);
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t descriptor, int padding_height,
                                              int padding_width, int stride_height, int stride_width,
                                              int dilation_height, int dilation_width, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t compute) {
    if (descriptor == nullptr || padding_height < 0 || padding_width < 0 || stride_height < 1 || stride_width < 1)
        return CUDNN_STATUS_BAD_PARAM;
    if (dilation_height != 1 || dilation_width != 1 || mode != CUDNN_CROSS_CORRELATION || compute != CUDNN_DATA_FLOAT)
        return CUDNN_STATUS_NOT_SUPPORTED;
    *descriptor = {true, padding_height, padding_width, stride_height, stride_width, CUDNN_DEFAULT_MATH};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor, cudnnMathType_t math) {
    descriptor->math = math;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t, cudnnTensorDescriptor_t x,
                                                     cudnnFilterDescriptor_t w,
                                                     cudnnConvolutionDescriptor_t convolution,
                                                     cudnnTensorDescriptor_t y, int room, int* count,
                                                     cudnnConvolutionFwdAlgoPerf_t* ranked) {
    static const std::array all{
        entry(CUDNN_CONVOLUTION_FWD_ALGO_DIRECT, CUDNN_DETERMINISTIC, CUDNN_FMA_MATH, CUDNN_STATUS_NOT_SUPPORTED),
        entry(CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, CUDNN_NON_DETERMINISTIC, CUDNN_FMA_MATH),
        entry(CUDNN_CONVOLUTION_FWD_ALGO_GEMM, CUDNN_DETERMINISTIC, CUDNN_TENSOR_OP_MATH),
        entry(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, CUDNN_DETERMINISTIC, CUDNN_FMA_MATH)};
    return rank<cudnnConvolutionFwdAlgo_t>({*x, *w, *y, *convolution}, all, room, count, ranked);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t, cudnnTensorDescriptor_t x,
                                                      cudnnFilterDescriptor_t w,
                                                      cudnnConvolutionDescriptor_t convolution,
                                                      cudnnTensorDescriptor_t y, cudnnConvolutionFwdAlgo_t algorithm,
                                                      std::size_t* bytes) {
    return workspace_size({*x, *w, *y, *convolution}, algorithm, algorithm != CUDNN_CONVOLUTION_FWD_ALGO_DIRECT, bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_type,
                                      const void* x, cudnnFilterDescriptor_t w_type, const void* w,
                                      cudnnConvolutionDescriptor_t convolution, cudnnConvolutionFwdAlgo_t algorithm,
                                      void* workspace, std::size_t workspace_bytes, const void* beta,
                                      cudnnTensorDescriptor_t y_type, void* y) {
    const auto* maps = static_cast<const float*>(x);
    const auto* weights = static_cast<const float*>(w);
    auto* result = static_cast<float*>(y);
    return run(handle, {*x_type, *w_type, *y_type, *convolution}, algorithm, true, {workspace, workspace_bytes}, alpha,
               beta, result, elements(*y_type), [=](std::ptrdiff_t to, std::ptrdiff_t from, std::ptrdiff_t weight) {
                   result[to] += maps[from] * weights[weight];
               });
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t, cudnnFilterDescriptor_t w,
                                                          cudnnTensorDescriptor_t dy,
                                                          cudnnConvolutionDescriptor_t convolution,
                                                          cudnnTensorDescriptor_t dx, int room, int* count,
                                                          cudnnConvolutionBwdDataAlgoPerf_t* ranked) {
    static const std::array all{
        entry(CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_NON_DETERMINISTIC, CUDNN_FMA_MATH),
        entry(CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, CUDNN_DETERMINISTIC, CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION),
        entry(CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, CUDNN_DETERMINISTIC, CUDNN_DEFAULT_MATH)};
    return rank<cudnnConvolutionBwdDataAlgo_t>({*dx, *w, *dy, *convolution}, all, room, count, ranked);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy, cudnnConvolutionDescriptor_t convolution,
    cudnnTensorDescriptor_t dx, cudnnConvolutionBwdDataAlgo_t algorithm, std::size_t* bytes) {
    return workspace_size({*dx, *w, *dy, *convolution}, algorithm, true, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha, cudnnFilterDescriptor_t w_type,
                                           const void* w, cudnnTensorDescriptor_t dy_type, const void* dy,
                                           cudnnConvolutionDescriptor_t convolution,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           std::size_t workspace_bytes, const void* beta,
                                           cudnnTensorDescriptor_t dx_type, void* dx) {
    const auto* gradients = static_cast<const float*>(dy);
    const auto* weights = static_cast<const float*>(w);
    auto* result = static_cast<float*>(dx);
    return run(handle, {*dx_type, *w_type, *dy_type, *convolution}, algorithm,
               algorithm != CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, {workspace, workspace_bytes}, alpha, beta, result,
               elements(*dx_type), [=](std::ptrdiff_t from, std::ptrdiff_t to, std::ptrdiff_t weight) {
                   result[to] += gradients[from] * weights[weight];
               });
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t, cudnnTensorDescriptor_t x,
                                                            cudnnTensorDescriptor_t dy,
                                                            cudnnConvolutionDescriptor_t convolution,
                                                            cudnnFilterDescriptor_t dw, int room, int* count,
                                                            cudnnConvolutionBwdFilterAlgoPerf_t* ranked) {
    static const std::array all{entry(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, CUDNN_NON_DETERMINISTIC, CUDNN_FMA_MATH),
                                entry(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, CUDNN_NON_DETERMINISTIC, CUDNN_FMA_MATH)};
    return rank<cudnnConvolutionBwdFilterAlgo_t>({*x, *dw, *dy, *convolution}, all, room, count, ranked);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy, cudnnConvolutionDescriptor_t convolution,
    cudnnFilterDescriptor_t dw, cudnnConvolutionBwdFilterAlgo_t algorithm, std::size_t* bytes) {
    return workspace_size({*x, *dw, *dy, *convolution}, algorithm,
                          algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_type,
                                             const void* x, cudnnTensorDescriptor_t dy_type, const void* dy,
                                             cudnnConvolutionDescriptor_t convolution,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             std::size_t workspace_bytes, const void* beta,
                                             cudnnFilterDescriptor_t dw_type, void* dw) {
    const auto* maps = static_cast<const float*>(x);
    const auto* gradients = static_cast<const float*>(dy);
    auto* result = static_cast<float*>(dw);
    const bool deterministic =
        algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 && algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
    return run(handle, {*x_type, *dw_type, *dy_type, *convolution}, algorithm, deterministic,
               {workspace, workspace_bytes}, alpha, beta, result, elements(*dw_type),
               [=](std::ptrdiff_t gradient, std::ptrdiff_t from, std::ptrdiff_t to) {
                   result[to] += maps[from] * gradients[gradient];
               });
}
