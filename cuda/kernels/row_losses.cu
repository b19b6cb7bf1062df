// Losses of one number a row, their gradients, and the loss of a quantile, which is elementwise. A row that is beyond
// the extent or has weight 0 gives exactly 0, whatever else it holds. Equations: graph/ops/<op>.h of the engine.
#include <cmath>
#include <string>
#include <type_traits>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/logistic.h"

namespace tensile::cuda {

namespace {

struct SquaredError {
    explicit SquaredError(const OpProblem&) {}
    __device__ float loss(float prediction, float target) const {
        const float error = prediction - target;
        return error * error;
    }
    __device__ float slope(float prediction, float target) const { return 2 * (prediction - target); }
};

struct Huber {
    explicit Huber(const OpProblem& problem) : delta(static_cast<float>(problem.number("delta"))) {}
    __device__ float loss(float prediction, float target) const {
        const float error = fabsf(prediction - target);
        return error <= delta ? 0.5F * error * error : delta * (error - 0.5F * delta);
    }
    // NaN stays NaN, as it would not with fminf and fmaxf.
    __device__ float slope(float prediction, float target) const {
        const float error = prediction - target;
        return error > delta ? delta : error < -delta ? -delta : error;
    }

    float delta;
};

struct BinaryCrossEntropy {
    explicit BinaryCrossEntropy(const OpProblem&) {}
    __device__ float loss(float z, float target) const {
        return (z > 0 ? z : 0) - z * target + log1pf(expf(-fabsf(z)));
    }
    __device__ float slope(float z, float target) const { return logistic(z) - target; }
};

template <typename Loss>
__global__ void compute_losses(Loss loss, std::int64_t rows, std::int64_t present, const float* prediction,
                               const float* target, const float* weight, float* y) {
    for (std::int64_t i = grid_thread(); i < rows; i += grid_threads()) {
        const bool counts = i < present && weight[i] != 0;
        y[i] = counts ? weight[i] * loss.loss(prediction[i], target[i]) : 0;
    }
}

template <typename Loss>
__global__ void compute_slopes(Loss loss, std::int64_t rows, std::int64_t present, const float* prediction,
                               const float* target, const float* weight, const float* dloss, float* dprediction) {
    for (std::int64_t i = grid_thread(); i < rows; i += grid_threads()) {
        const bool counts = i < present && weight[i] != 0;
        dprediction[i] = counts ? weight[i] * dloss[i] * loss.slope(prediction[i], target[i]) : 0;
    }
}

template <typename Loss, bool kGradient>
class RowLossKernel final : public Kernel {
  public:
    explicit RowLossKernel(const OpProblem& problem) : name_(problem.name), type_(problem.outputs[0]), loss_(problem) {}

    // All operands have one element a row.
    std::uint64_t overwritable_inputs() const override { return kGradient ? 0b1111 : 0b111; }

    void launch(const KernelArguments& arguments) const override {
        const std::int64_t rows = type_.rows();
        if (rows == 0) return;
        const std::int64_t present = type_.present_rows(arguments.extents);
        if constexpr (kGradient) {
            launch_kernel(&compute_slopes<Loss>, grid_for(rows), dim3(kBlockThreads), arguments.stream.stream,
                          name_.c_str(), loss_, rows, present, arguments.input<float>(0), arguments.input<float>(1),
                          arguments.input<float>(2), arguments.input<float>(3), arguments.output<float>(0));
        } else {
            launch_kernel(&compute_losses<Loss>, grid_for(rows), dim3(kBlockThreads), arguments.stream.stream,
                          name_.c_str(), loss_, rows, present, arguments.input<float>(0), arguments.input<float>(1),
                          arguments.input<float>(2), arguments.output<float>(0));
        }
    }

  private:
    std::string name_;
    TensorType type_;
    Loss loss_;
};

// The slope of a quantile's loss.
struct QuantileSlope {
    explicit QuantileSlope(const OpProblem& problem) : level(static_cast<float>(problem.number("level"))) {}
    __device__ float at(float x) const { return x > 0 ? level : level - 1; }

    float level;
};
struct Pinball : QuantileSlope {
    using QuantileSlope::QuantileSlope;
    __device__ float operator()(float x) const { return at(x) * x; }
};
struct PinballGradient : QuantileSlope {
    using QuantileSlope::QuantileSlope;
    __device__ float operator()(float x, float dy) const { return at(x) * dy; }
};

template <typename Loss>
void add_loss(KernelRegistry& registry, const char* op, const char* gradient) {
    registry.add(op, &make_float32<RowLossKernel<Loss, false>>);
    registry.add(gradient, &make_float32<RowLossKernel<Loss, true>>);
}

}  // namespace

void register_row_losses(KernelRegistry& registry) {
    add_loss<SquaredError>(registry, "squared_error_loss", "squared_error_loss_gradient");
    add_loss<Huber>(registry, "huber_loss", "huber_loss_gradient");
    add_loss<BinaryCrossEntropy>(registry, "binary_cross_entropy_loss", "binary_cross_entropy_loss_gradient");
    registry.add("pinball", &make_elementwise<Pinball>);
    registry.add("pinball_gradient", &make_elementwise<PinballGradient>);
}

}  // namespace tensile::cuda
