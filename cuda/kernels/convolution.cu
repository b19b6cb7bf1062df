// Kernels of convolution_2d and its gradients through cuDNN.
//
// Feature maps are NHWC as they are. Weights are not: a program keeps them as [taps channels, kernels], so that they
// are the right operand of a product, while cuDNN wants [kernels, taps channels]. They are transposed in scratch, which
// moves little beside the maps.
//
// The algorithm is the one that cuDNN expects to be the fastest of those that give the same bits every time and do not
// need much more memory than the operands; nothing is timed, so the same problem always gets the same one. Products and
// sums are float32 (CUDNN_FMA_MATH: no TensorFloat-32). Where there is no such algorithm, where operands are to be
// rounded to bf16 (cuDNN would round the results too), and where images must not depend on their number (behind one
// algorithm's name cuDNN has several kernels and takes one by all sizes), the convolution is a product of patches
// (convolution_patches.h). A choice of one byte is an algorithm of cuDNN; that of a product is longer.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/convolution_patches.h"
#include "cuda/kernels/convolution_sizes.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/launch.h"

namespace tensile::cuda {

namespace {

// A descriptor of cuDNN's: memory of the host, made when the kernel is prepared and only read afterwards.
template <typename Handle, cudnnStatus_t (*kCreate)(Handle*), cudnnStatus_t (*kDestroy)(Handle)>
class Descriptor {
  public:
    Descriptor() { check(kCreate(&handle_), "creating a cuDNN descriptor"); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { kDestroy(handle_); }
    Handle get() const { return handle_; }

  private:
    Handle handle_ = nullptr;
};

using TensorDescriptor =
    Descriptor<cudnnTensorDescriptor_t, &cudnnCreateTensorDescriptor, &cudnnDestroyTensorDescriptor>;
using FilterDescriptor =
    Descriptor<cudnnFilterDescriptor_t, &cudnnCreateFilterDescriptor, &cudnnDestroyFilterDescriptor>;
using ConvolutionDescriptor =
    Descriptor<cudnnConvolutionDescriptor_t, &cudnnCreateConvolutionDescriptor, &cudnnDestroyConvolutionDescriptor>;

struct Descriptors {
    TensorDescriptor input;
    TensorDescriptor output;
    FilterDescriptor weights;
    ConvolutionDescriptor convolution;

    explicit Descriptors(const ConvolutionSizes& sizes) {
        const Window& window = sizes.window;
        constexpr const char* kDescribing = "describing a convolution";
        check(cudnnSetTensor4dDescriptor(input.get(), CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, sizes.images, sizes.channels,
                                         window.height, window.width),
              kDescribing);
        check(cudnnSetTensor4dDescriptor(output.get(), CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, sizes.images, sizes.kernels,
                                         window.output_height, window.output_width),
              kDescribing);
        check(cudnnSetFilter4dDescriptor(weights.get(), CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, sizes.kernels,
                                         sizes.channels, window.kernel_height, window.kernel_width),
              kDescribing);
        check(cudnnSetConvolution2dDescriptor(convolution.get(), window.padding_height, window.padding_width,
                                              window.stride, window.stride, 1, 1, CUDNN_CROSS_CORRELATION,
                                              CUDNN_DATA_FLOAT),
              kDescribing);
        check(cudnnSetConvolutionMathType(convolution.get(), CUDNN_FMA_MATH), kDescribing);
    }
};

constexpr float kOne = 1;
constexpr float kZero = 0;

struct Workspace {
    std::byte* data;
    std::size_t bytes;
};

// The three directions: cuDNN's functions for each, and the algorithms that may be used, first those that nearly every
// problem has.
struct Forward {
    using Algorithm = cudnnConvolutionFwdAlgo_t;
    using Ranked = cudnnConvolutionFwdAlgoPerf_t;
    static constexpr const char* kName = "convolution_2d";
    static constexpr auto kMakeOfPatches = &make_patch_convolution;
    static constexpr std::array kAlgorithms{CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
                                            CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
                                            CUDNN_CONVOLUTION_FWD_ALGO_GEMM,
                                            CUDNN_CONVOLUTION_FWD_ALGO_FFT,
                                            CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING,
                                            CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD,
                                            CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED};

    static ConvolutionSizes sizes(const OpProblem& problem) {
        return ConvolutionSizes(problem, problem.inputs[0], problem.outputs[0]);
    }
    static cudnnStatus_t rank(cudnnHandle_t cudnn, const Descriptors& d, int room, int* count, Ranked* ranked) {
        return cudnnGetConvolutionForwardAlgorithm_v7(cudnn, d.input.get(), d.weights.get(), d.convolution.get(),
                                                      d.output.get(), room, count, ranked);
    }
    static cudnnStatus_t workspace(cudnnHandle_t cudnn, const Descriptors& d, Algorithm algorithm, std::size_t* bytes) {
        return cudnnGetConvolutionForwardWorkspaceSize(cudnn, d.input.get(), d.weights.get(), d.convolution.get(),
                                                       d.output.get(), algorithm, bytes);
    }
    static cudnnStatus_t run(cudnnHandle_t cudnn, const Descriptors& d, Algorithm algorithm, const Workspace& workspace,
                             const float* x, const float* weights, float* y) {
        return cudnnConvolutionForward(cudnn, &kOne, d.input.get(), x, d.weights.get(), weights, d.convolution.get(),
                                       algorithm, workspace.data, workspace.bytes, &kZero, d.output.get(), y);
    }
};

struct GradientInput {
    using Algorithm = cudnnConvolutionBwdDataAlgo_t;
    using Ranked = cudnnConvolutionBwdDataAlgoPerf_t;
    static constexpr const char* kName = "convolution_2d_gradient_input";
    static constexpr auto kMakeOfPatches = &make_patch_gradient_input;
    static constexpr std::array kAlgorithms{CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT,
                                            CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING,
                                            CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD,
                                            CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED};

    static ConvolutionSizes sizes(const OpProblem& problem) {
        return ConvolutionSizes(problem, problem.outputs[0], problem.inputs[0]);
    }
    static cudnnStatus_t rank(cudnnHandle_t cudnn, const Descriptors& d, int room, int* count, Ranked* ranked) {
        return cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnn, d.weights.get(), d.output.get(), d.convolution.get(),
                                                           d.input.get(), room, count, ranked);
    }
    static cudnnStatus_t workspace(cudnnHandle_t cudnn, const Descriptors& d, Algorithm algorithm, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardDataWorkspaceSize(cudnn, d.weights.get(), d.output.get(), d.convolution.get(),
                                                            d.input.get(), algorithm, bytes);
    }
    static cudnnStatus_t run(cudnnHandle_t cudnn, const Descriptors& d, Algorithm algorithm, const Workspace& workspace,
                             const float* dy, const float* weights, float* dx) {
        return cudnnConvolutionBackwardData(cudnn, &kOne, d.weights.get(), weights, d.output.get(), dy,
                                            d.convolution.get(), algorithm, workspace.data, workspace.bytes, &kZero,
                                            d.input.get(), dx);
    }
};

struct GradientWeights {
    using Algorithm = cudnnConvolutionBwdFilterAlgo_t;
    using Ranked = cudnnConvolutionBwdFilterAlgoPerf_t;
    static constexpr const char* kName = "convolution_2d_gradient_weights";
    static constexpr auto kMakeOfPatches = &make_patch_gradient_weights;
    static constexpr std::array kAlgorithms{CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT,
                                            CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING,
                                            CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED};

    static ConvolutionSizes sizes(const OpProblem& problem) {
        return ConvolutionSizes(problem, problem.inputs[0], problem.inputs[1]);
    }
    static cudnnStatus_t rank(cudnnHandle_t cudnn, const Descriptors& d, int room, int* count, Ranked* ranked) {
        return cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnn, d.input.get(), d.output.get(), d.convolution.get(),
                                                             d.weights.get(), room, count, ranked);
    }
    static cudnnStatus_t workspace(cudnnHandle_t cudnn, const Descriptors& d, Algorithm algorithm, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnn, d.input.get(), d.output.get(), d.convolution.get(),
                                                              d.weights.get(), algorithm, bytes);
    }
    static cudnnStatus_t run(cudnnHandle_t cudnn, const Descriptors& d, Algorithm algorithm, const Workspace& workspace,
                             const float* x, const float* dy, float* dweights) {
        return cudnnConvolutionBackwardFilter(cudnn, &kOne, d.input.get(), x, d.output.get(), dy, d.convolution.get(),
                                              algorithm, workspace.data, workspace.bytes, &kZero, d.weights.get(),
                                              dweights);
    }
};

template <typename Algorithm>
struct Chosen {
    Algorithm algorithm;
    std::size_t workspace_bytes;
};

// Nothing where the library cannot run it, or it is none of those that give the same bits every time.
template <typename Direction>
std::optional<Chosen<typename Direction::Algorithm>> usable(cudnnHandle_t cudnn, const Descriptors& descriptors,
                                                            typename Direction::Algorithm algorithm) {
    if (std::ranges::find(Direction::kAlgorithms, algorithm) == Direction::kAlgorithms.end()) return std::nullopt;
    std::size_t bytes = 0;
    if (Direction::workspace(cudnn, descriptors, algorithm, &bytes) != CUDNN_STATUS_SUCCESS) return std::nullopt;
    return Chosen<typename Direction::Algorithm>{algorithm, bytes};
}

// Candidates in the order of preference: what was used before, what the library expects to be fast, all others.
template <typename Direction>
std::vector<typename Direction::Algorithm> candidates(cudnnHandle_t cudnn, const Descriptors& descriptors,
                                                      const std::vector<std::uint8_t>& choice) {
    using Algorithm = typename Direction::Algorithm;
    std::vector<Algorithm> algorithms;
    for (const Algorithm algorithm : Direction::kAlgorithms)
        if (choice.size() == 1 && static_cast<int>(algorithm) == choice[0]) algorithms.push_back(algorithm);
    std::array<typename Direction::Ranked, 16> ranked{};
    int count = 0;
    // Without an answer the fixed order decides.
    if (Direction::rank(cudnn, descriptors, static_cast<int>(ranked.size()), &count, ranked.data()) !=
        CUDNN_STATUS_SUCCESS)
        count = 0;
    for (int i = 0; i < count; ++i) {
        const auto& entry = ranked[static_cast<std::size_t>(i)];
        const bool float32 = entry.mathType == CUDNN_FMA_MATH || entry.mathType == CUDNN_DEFAULT_MATH;
        if (entry.status == CUDNN_STATUS_SUCCESS && entry.determinism == CUDNN_DETERMINISTIC && float32)
            algorithms.push_back(entry.algo);
    }
    algorithms.insert(algorithms.end(), Direction::kAlgorithms.begin(), Direction::kAlgorithms.end());
    return algorithms;
}

// Nothing where the library has no algorithm that may be used.
template <typename Direction>
std::optional<Chosen<typename Direction::Algorithm>> choose(cudnnHandle_t cudnn, const Descriptors& descriptors,
                                                            const ConvolutionSizes& sizes,
                                                            const std::vector<std::uint8_t>& choice) {
    constexpr std::size_t kModestWorkspace = std::size_t{64} << 20;
    const std::size_t limit = std::max(kModestWorkspace, sizes.map_bytes());
    std::optional<Chosen<typename Direction::Algorithm>> smallest;
    for (const auto algorithm : candidates<Direction>(cudnn, descriptors, choice)) {
        const auto chosen = usable<Direction>(cudnn, descriptors, algorithm);
        if (!chosen) continue;
        if (chosen->workspace_bytes <= limit) return chosen;
        if (!smallest || chosen->workspace_bytes < smallest->workspace_bytes) smallest = chosen;
    }
    return smallest;
}

constexpr int kTile = 32;
constexpr int kTileRows = kBlockThreads / kTile;

// to [columns, rows] = transposed from [rows, columns]. Grid: tiles, row by row; block: kTile by kTileRows.
__global__ void transpose(const float* __restrict__ from, float* __restrict__ to, int rows, int columns) {
    __shared__ float tile[kTile][kTile + 1];  // one more, so that a column lies in different banks
    const int column_tiles = (columns + kTile - 1) / kTile;
    const std::int64_t top = static_cast<std::int64_t>(blockIdx.x) / column_tiles * kTile;
    const std::int64_t left = static_cast<std::int64_t>(blockIdx.x) % column_tiles * kTile;
    const int x = static_cast<int>(threadIdx.x);
    for (int i = static_cast<int>(threadIdx.y); i < kTile; i += kTileRows)
        if (top + i < rows && left + x < columns) tile[i][x] = from[(top + i) * columns + left + x];
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.y); i < kTile; i += kTileRows)
        if (left + i < columns && top + x < rows) to[(left + i) * rows + top + x] = tile[x][i];
}

void launch_transpose(const float* from, float* to, int rows, int columns, cudaStream_t stream) {
    const auto tiles = [](int size) { return static_cast<unsigned>((std::int64_t{size} + kTile - 1) / kTile); };
    launch_kernel(&transpose, dim3(tiles(rows) * tiles(columns)), dim3(kTile, kTileRows), stream, "transposing weights",
                  from, to, rows, columns);
}

// Scratch: the weights as cuDNN sees them, then its workspace.
template <typename Direction>
class ConvolutionKernel final : public Kernel {
  public:
    using Algorithm = Chosen<typename Direction::Algorithm>;

    ConvolutionKernel(const ConvolutionSizes& sizes, std::unique_ptr<const Descriptors> descriptors,
                      const Algorithm& chosen)
        : sizes_(sizes),
          descriptors_(std::move(descriptors)),
          chosen_(chosen),
          choice_{static_cast<std::uint8_t>(chosen.algorithm)} {}

    std::size_t scratch_bytes() const override { return workspace_offset() + chosen_.workspace_bytes; }
    std::span<const std::uint8_t> choice() const override { return choice_; }

    void launch(const KernelArguments& call) const override {
        constexpr bool kOfWeights = std::is_same_v<Direction, GradientWeights>;
        auto* weights = reinterpret_cast<float*>(call.scratch);
        if constexpr (!kOfWeights)
            launch_transpose(call.input<float>(1), weights, sizes_.weight_rows(), sizes_.kernels, call.stream.stream);
        const Workspace workspace{call.scratch + workspace_offset(), chosen_.workspace_bytes};
        const float* second = kOfWeights ? call.input<float>(1) : weights;
        float* result = kOfWeights ? weights : call.output<float>(0);
        check(Direction::run(call.stream.cudnn, *descriptors_, chosen_.algorithm, workspace, call.input<float>(0),
                             second, result),
              Direction::kName);
        if constexpr (kOfWeights)
            launch_transpose(weights, call.output<float>(0), sizes_.kernels, sizes_.weight_rows(), call.stream.stream);
    }

  private:
    std::size_t workspace_offset() const {
        constexpr std::size_t kAlignment = 256;
        return (sizes_.weight_bytes() + kAlignment - 1) / kAlignment * kAlignment;
    }

    ConvolutionSizes sizes_;
    std::unique_ptr<const Descriptors> descriptors_;
    Algorithm chosen_;
    std::array<std::uint8_t, 1> choice_;
};

template <typename Direction>
std::unique_ptr<Kernel> make_convolution(const DeviceContext& device, const OpProblem& problem) {
    require_float32_values(problem);
    const ConvolutionSizes sizes = Direction::sizes(problem);
    const bool may_be_cudnn = problem.precision != TENSILE_BFLOAT16 && !problem.row_invariant;
    if (may_be_cudnn && !is_choice_of_patches(problem.choice)) {
        auto descriptors = std::make_unique<const Descriptors>(sizes);
        if (const auto chosen = choose<Direction>(device.cudnn, *descriptors, sizes, problem.choice))
            return std::make_unique<ConvolutionKernel<Direction>>(sizes, std::move(descriptors), *chosen);
    }
    return Direction::kMakeOfPatches(device, problem, sizes, kPatchBytes);
}

}  // namespace

void register_convolution(KernelRegistry& registry) {
    registry.add("convolution_2d", &make_convolution<Forward>);
    registry.add("convolution_2d_gradient_input", &make_convolution<GradientInput>);
    registry.add("convolution_2d_gradient_weights", &make_convolution<GradientWeights>);
}

}  // namespace tensile::cuda
