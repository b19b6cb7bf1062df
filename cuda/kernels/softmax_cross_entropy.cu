// softmax_cross_entropy_loss and its gradient. A row that does not count gives exactly 0. Definition:
// graph/ops/softmax_cross_entropy_loss.h of the engine.
#include <cmath>
#include <cstdint>
#include <limits>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/function_kernel.h"
#include "cuda/kernels/row_group.h"

namespace tensile::cuda {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Logits with what tells which rows count.
struct Logits {
    std::int64_t rows;
    std::int64_t present;
    int width;
    const float* values;
    const std::int32_t* targets;
    const float* weights;

    // The class of a row that counts, else -1.
    __device__ int class_of(std::int64_t row) const {
        if (row >= present || weights[row] == 0) return -1;
        const std::int32_t target = targets[row];
        return target >= 0 && target < width ? target : -1;
    }
};

// The columns of a row that one thread of its group has: kept in registers, or read each time (kValues 0).
template <int kThreads, int kValues>
class RowColumns {
  public:
    __device__ RowColumns(const float* row, int width, int lane) : row_(row), width_(width), lane_(lane) {
#pragma unroll
        for (int k = 0; k < kValues; ++k)
            values_[k] = lane + k * kThreads < width ? row[lane + k * kThreads] : 0;
    }

    // Calls visit(column, value).
    template <typename Visit>
    __device__ void visit(const Visit& visit) const {
        if constexpr (kValues > 0) {
#pragma unroll
            for (int k = 0; k < kValues; ++k)
                if (lane_ + k * kThreads < width_) visit(lane_ + k * kThreads, values_[k]);
        } else {
            for (int column = lane_; column < width_; column += kThreads)
                visit(column, row_[column]);
        }
    }

  private:
    const float* row_;
    int width_;
    int lane_;
    float values_[kValues > 0 ? kValues : 1] = {};
};

// The maximum of a row of logits and the sum of exp(z - maximum).
struct Normalizer {
    float highest = -kInfinity;
    float sum = 0;

    template <int kThreads, int kValues>
    __device__ Normalizer(const RowGroup<kThreads>& group, const RowColumns<kThreads, kValues>& columns) {
        columns.visit([&](int, float z) { highest = fmaxf(highest, z); });
        highest = group.reduce(highest, Greatest());
        columns.visit([&](int, float z) { sum += expf(z - highest); });
        sum = group.reduce(sum, Sum());
    }
};

template <int kThreads, int kValues>
__global__ void find_losses(Logits logits, const float*, float* loss) {
    __shared__ float shared[kWarps];
    const RowGroup<kThreads> group(shared);
    const std::int64_t row = group.row();
    const int target = logits.class_of(row);
    const float* z = logits.values + row * logits.width;
    const RowColumns<kThreads, kValues> columns(z, target < 0 ? 0 : logits.width, group.lane());
    const Normalizer normalizer(group, columns);
    if (row >= logits.rows || group.lane() != 0) return;
    loss[row] = target < 0 ? 0 : logits.weights[row] * (logf(normalizer.sum) + normalizer.highest - z[target]);
}

// `dz` may be the logits: a thread reads an element for the last time just before it writes it.
template <int kThreads, int kValues>
__global__ void find_gradients(Logits logits, const float* dloss, float* dz) {
    __shared__ float shared[kWarps];
    const RowGroup<kThreads> group(shared);
    const std::int64_t row = group.row();
    const int target = logits.class_of(row);
    const std::int64_t begin = row * logits.width;
    const RowColumns<kThreads, kValues> columns(logits.values + begin, target < 0 ? 0 : logits.width, group.lane());
    const Normalizer normalizer(group, columns);
    if (row >= logits.rows) return;
    if (target < 0) {
        for (int column = group.lane(); column < logits.width; column += kThreads)
            dz[begin + column] = 0;
        return;
    }
    const float factor = logits.weights[row] * dloss[row];
    columns.visit([&](int column, float z) {
        const float probability = expf(z - normalizer.highest) / normalizer.sum;
        dz[begin + column] = factor * (probability - (column == target ? 1 : 0));
    });
}

template <bool kGradient>
std::unique_ptr<Kernel> make_softmax_cross_entropy(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    require_32_bits(problem, type.row_width());
    return function_kernel({.overwritable_inputs = kGradient ? 1U : 0U}, [type](const KernelArguments& call) {
        const Logits logits{type.rows(),          type.present_rows(call.extents), static_cast<int>(type.row_width()),
                            call.input<float>(0), call.input<std::int32_t>(1),     call.input<float>(2)};
        if (logits.rows == 0) return;
        with_row_form(logits.width, [&]<int kThreads, int kValues>() {
            auto* kernel = &find_losses<kThreads, kValues>;
            if constexpr (kGradient) kernel = &find_gradients<kThreads, kValues>;
            launch_kernel(kernel, blocks_of_rows<kThreads>(logits.rows), dim3(kBlockThreads), call.stream.stream,
                          "softmax_cross_entropy_loss", logits, kGradient ? call.input<float>(3) : nullptr,
                          call.output<float>(0));
        });
    });
}

}  // namespace

void register_softmax_cross_entropy(KernelRegistry& registry) {
    registry.add("softmax_cross_entropy_loss", &make_softmax_cross_entropy<false>);
    registry.add("softmax_cross_entropy_loss_gradient", &make_softmax_cross_entropy<true>);
}

}  // namespace tensile::cuda
