// softmax_cross_entropy_loss and its gradient: a row of logits belongs to a team of threads, which finds its maximum,
// then the sum of exponentials, in a fixed order. A row that does not count gives exactly 0. Definition:
// graph/ops/softmax_cross_entropy_loss.h of the engine.
#include <cmath>
#include <cstdint>
#include <limits>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/grid_walk.h"

namespace tensile::cuda {

namespace {

constexpr unsigned kAllLanes = 0xFFFFFFFFU;
constexpr int kBlockWarps = kBlockThreads / kWarpThreads;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Maximum {
    __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};
struct Sum {
    __device__ float operator()(float a, float b) const { return a + b; }
};

// The values of a team (a power of two up to a warp, or the whole block) put together, in the same order for all of its
// threads. Every thread of the block must get here.
template <int kTeam, typename Combine>
__device__ float combine_team(float value, Combine combine) {
    for (int offset = (kTeam < kWarpThreads ? kTeam : kWarpThreads) / 2; offset > 0; offset /= 2)
        value = combine(value, __shfl_xor_sync(kAllLanes, value, offset));
    if constexpr (kTeam > kWarpThreads) {
        __shared__ float of_warps[kBlockWarps];
        if (threadIdx.x % kWarpThreads == 0) of_warps[threadIdx.x / kWarpThreads] = value;
        __syncthreads();
        value = of_warps[0];
        for (int warp = 1; warp < kBlockWarps; ++warp)
            value = combine(value, of_warps[warp]);
        __syncthreads();
    }
    return value;
}

struct Rows {
    std::int64_t rows;
    std::int64_t present;
    std::int64_t width;
    const float* logits;
    const std::int32_t* targets;
    const float* weights;

    // The class of a row that counts, else -1.
    __device__ std::int64_t class_of(std::int64_t row) const {
        if (row >= present || weights[row] == 0) return -1;
        const std::int64_t target = targets[row];
        return target >= 0 && target < width ? target : -1;
    }
};

// The maximum of a row of logits and the sum of exp(z - maximum). A row of width 0 costs nothing.
struct Normalizer {
    float highest;
    float sum;
};
template <int kTeam>
__device__ Normalizer normalize(const float* z, std::int64_t width, int member) {
    float highest = -kInfinity;
    for (std::int64_t j = member; j < width; j += kTeam)
        highest = fmaxf(highest, z[j]);
    highest = combine_team<kTeam>(highest, Maximum());
    float sum = 0;
    for (std::int64_t j = member; j < width; j += kTeam)
        sum += expf(z[j] - highest);
    return {highest, combine_team<kTeam>(sum, Sum())};
}

// Every thread goes through all rounds of its block, because teams wait for each other.
template <int kTeam>
__global__ void find_losses(Rows rows, float* loss) {
    constexpr int kBlockRows = kBlockThreads / kTeam;
    const int member = static_cast<int>(threadIdx.x) % kTeam;
    for (std::int64_t first = std::int64_t{blockIdx.x} * kBlockRows; first < rows.rows;
         first += std::int64_t{gridDim.x} * kBlockRows) {
        const std::int64_t row = first + threadIdx.x / kTeam;
        const std::int64_t target = rows.class_of(row);
        const float* z = rows.logits + row * rows.width;
        const Normalizer normalizer = normalize<kTeam>(z, target < 0 ? 0 : rows.width, member);
        if (member == 0 && row < rows.rows)
            loss[row] = target < 0 ? 0 : rows.weights[row] * (logf(normalizer.sum) + normalizer.highest - z[target]);
    }
}

// `dz` may be the logits: a thread writes an element after the team has read the row and it has read the element.
template <int kTeam>
__global__ void find_gradients(Rows rows, const float* dloss, float* dz) {
    constexpr int kBlockRows = kBlockThreads / kTeam;
    const int member = static_cast<int>(threadIdx.x) % kTeam;
    for (std::int64_t first = std::int64_t{blockIdx.x} * kBlockRows; first < rows.rows;
         first += std::int64_t{gridDim.x} * kBlockRows) {
        const std::int64_t row = first + threadIdx.x / kTeam;
        const std::int64_t target = rows.class_of(row);
        const float* z = rows.logits + row * rows.width;
        const Normalizer normalizer = normalize<kTeam>(z, target < 0 ? 0 : rows.width, member);
        if (row >= rows.rows) continue;
        const float factor = target < 0 ? 0 : rows.weights[row] * dloss[row];
        for (std::int64_t j = member; j < rows.width; j += kTeam) {
            const std::int64_t i = row * rows.width + j;
            if (target < 0) {
                dz[i] = 0;
            } else {
                const float probability = expf(rows.logits[i] - normalizer.highest) / normalizer.sum;
                dz[i] = factor * (probability - (j == target ? 1 : 0));
            }
        }
    }
}

template <bool kGradient>
class SoftmaxCrossEntropyKernel final : public Kernel {
  public:
    explicit SoftmaxCrossEntropyKernel(const OpProblem& problem) : logits_(problem.inputs[0]) {}

    std::uint64_t overwritable_inputs() const override { return kGradient ? 1 : 0; }

    // Teams as large as leaves each thread a few elements.
    void launch(const KernelArguments& arguments) const override {
        const std::int64_t width = logits_.row_width();
        if (width <= 16) {
            launch_teams<4>(arguments);
        } else if (width <= 128) {
            launch_teams<16>(arguments);
        } else if (width <= 2048) {
            launch_teams<kWarpThreads>(arguments);
        } else {
            launch_teams<kBlockThreads>(arguments);
        }
    }

  private:
    template <int kTeam>
    void launch_teams(const KernelArguments& arguments) const {
        const Rows rows{logits_.rows(),
                        logits_.present_rows(arguments.extents),
                        logits_.row_width(),
                        arguments.input<float>(0),
                        arguments.input<std::int32_t>(1),
                        arguments.input<float>(2)};
        if (rows.rows == 0) return;
        const dim3 grid = grid_for(rows.rows * kTeam);
        const dim3 block(kBlockThreads);
        if constexpr (kGradient) {
            launch_kernel(&find_gradients<kTeam>, grid, block, arguments.stream.stream,
                          "softmax_cross_entropy_loss_gradient", rows, arguments.input<float>(3),
                          arguments.output<float>(0));
        } else {
            launch_kernel(&find_losses<kTeam>, grid, block, arguments.stream.stream, "softmax_cross_entropy_loss", rows,
                          arguments.output<float>(0));
        }
    }

    TensorType logits_;
};

}  // namespace

void register_softmax_cross_entropy(KernelRegistry& registry) {
    registry.add("softmax_cross_entropy_loss", &make_float32<SoftmaxCrossEntropyKernel<false>>);
    registry.add("softmax_cross_entropy_loss_gradient", &make_float32<SoftmaxCrossEntropyKernel<true>>);
}

}  // namespace tensile::cuda
