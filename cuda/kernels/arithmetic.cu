// Arithmetic on elements, by other elements, by scalars, and by a row; sums of scalars. Equations: graph/ops/<op>.h of
// the engine.
#include <algorithm>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/elementwise.h"

namespace tensile::cuda {

namespace {

struct Add {
    __device__ float operator()(float a, float b) const { return a + b; }
};
struct Subtract {
    __device__ float operator()(float a, float b) const { return a - b; }
};
struct Multiply {
    __device__ float operator()(float a, float b) const { return a * b; }
};
struct Divide {
    __device__ float operator()(float a, float b) const { return a / b; }
};

struct Square {
    __device__ float operator()(float x) const { return x * x; }
};
struct SquareGradient {
    __device__ float operator()(float x, float dy) const { return 2 * x * dy; }
};
struct Sqrt {
    __device__ float operator()(float x) const { return sqrtf(x); }
};
struct SqrtGradient {
    __device__ float operator()(float y, float dy) const { return dy / (2 * y); }
};
struct Absolute {
    __device__ float operator()(float x) const { return fabsf(x); }
};
struct AbsoluteGradient {
    __device__ float operator()(float x, float dy) const { return x > 0 ? dy : x < 0 ? -dy : 0; }
};
// Halves to even.
struct Round {
    __device__ float operator()(float x) const { return rintf(x); }
};

struct AffineConstant {
    explicit AffineConstant(const OpProblem& problem)
        : multiplier(static_cast<float>(problem.number("multiplier"))),
          offset(static_cast<float>(problem.number("offset"))) {}
    __device__ float operator()(float x) const { return fmaf(multiplier, x, offset); }

    float multiplier;
    float offset;
};

struct MovingAverage : UpdateInPlace {
    explicit MovingAverage(const OpProblem& problem) : momentum(static_cast<float>(problem.number("momentum"))) {}
    __device__ float operator()(float running, float sample) const {
        return momentum * running + (1 - momentum) * sample;
    }

    float momentum;
};

struct Scale {
    Scale bind(const KernelArguments& arguments) const { return {arguments.input<float>(1)}; }
    __device__ float operator()(float x) const { return __ldg(factor) * x; }

    const float* factor = nullptr;
};

struct BroadcastScalar {
    BroadcastScalar bind(const KernelArguments& arguments) const { return {arguments.input<float>(0)}; }
    __device__ float operator()() const { return __ldg(value); }

    const float* value = nullptr;
};

template <int kElements>
__global__ void add_bias(std::int64_t rows, std::int64_t vectors, const Vector<float, kElements>* x,
                         const Vector<float, kElements>* bias, Vector<float, kElements>* y) {
    for (RowWalk at(vectors); at.row < rows; at.advance()) {
        const std::int64_t i = at.row * vectors + at.column;
        Vector<float, kElements> sum = x[i];
        const Vector<float, kElements> shift = bias[at.column];
        for (int j = 0; j < kElements; ++j)
            sum.values[j] += shift.values[j];
        y[i] = sum;
    }
}

class BiasAddKernel final : public Kernel {
  public:
    explicit BiasAddKernel(const OpProblem& problem) : type_(problem.outputs[0]) {}

    std::uint64_t overwritable_inputs() const override { return 1; }

    void launch(const KernelArguments& arguments) const override {
        const auto* x = arguments.input<float>(0);
        const auto* bias = arguments.input<float>(1);
        const auto* y = arguments.output<float>(0);
        const bool by_vector = type_.row_width() % kVectorElements == 0 && is_vector_aligned(x) &&
                               is_vector_aligned(bias) && is_vector_aligned(y);
        by_vector ? launch_by<kVectorElements>(arguments) : launch_by<1>(arguments);
    }

  private:
    template <int kElements>
    void launch_by(const KernelArguments& arguments) const {
        using Elements = Vector<float, kElements>;
        const std::int64_t rows = type_.present_rows(arguments.extents);
        const std::int64_t vectors = type_.row_width() / kElements;
        if (rows * vectors == 0) return;
        launch_kernel(&add_bias<kElements>, grid_for(rows * vectors), dim3(kBlockThreads), arguments.stream.stream,
                      "bias_add", rows, vectors, arguments.input<Elements>(0), arguments.input<Elements>(1),
                      arguments.output<Elements>(0));
    }

    TensorType type_;
};

// Terms of one launch; more are added up by several.
constexpr std::size_t kMostTerms = 32;
struct Terms {
    const float* values[kMostTerms];
};

__global__ void add_terms(Terms terms, int count, bool is_first, float* sum) {
    float total = is_first ? 0 : *sum;
    for (int i = 0; i < count; ++i)
        total += *terms.values[i];
    *sum = total;
}

class AddScalarsKernel final : public Kernel {
  public:
    explicit AddScalarsKernel(const OpProblem& problem) : count_(problem.inputs.size()) {}

    void launch(const KernelArguments& arguments) const override {
        for (std::size_t begin = 0; begin < count_; begin += kMostTerms) {
            const std::size_t count = std::min(kMostTerms, count_ - begin);
            Terms terms{};
            for (std::size_t i = 0; i < count; ++i)
                terms.values[i] = static_cast<const float*>(arguments.inputs[begin + i]);
            launch_kernel(&add_terms, dim3(1), dim3(1), arguments.stream.stream, "add_scalars", terms,
                          static_cast<int>(count), begin == 0, arguments.output<float>(0));
        }
    }

  private:
    std::size_t count_;
};

__global__ void find_clip_scale(const float* sum_of_squares, const float* max_norm, float* scale) {
    const float norm = sqrtf(*sum_of_squares);
    *scale = *max_norm > 0 && norm > *max_norm ? *max_norm / norm : 1;
}

class ClipScaleKernel final : public Kernel {
  public:
    explicit ClipScaleKernel(const OpProblem&) {}

    void launch(const KernelArguments& arguments) const override {
        launch_kernel(&find_clip_scale, dim3(1), dim3(1), arguments.stream.stream, "clip_scale",
                      arguments.input<float>(0), arguments.input<float>(1), arguments.output<float>(0));
    }
};

}  // namespace

void register_arithmetic(KernelRegistry& registry) {
    registry.add("add", &make_elementwise<Add>);
    registry.add("subtract", &make_elementwise<Subtract>);
    registry.add("multiply", &make_elementwise<Multiply>);
    registry.add("divide", &make_elementwise<Divide>);
    registry.add("square", &make_elementwise<Square>);
    registry.add("square_gradient", &make_elementwise<SquareGradient>);
    registry.add("sqrt", &make_elementwise<Sqrt>);
    registry.add("sqrt_gradient", &make_elementwise<SqrtGradient>);
    registry.add("absolute", &make_elementwise<Absolute>);
    registry.add("absolute_gradient", &make_elementwise<AbsoluteGradient>);
    registry.add("round_straight_through", &make_elementwise<Round>);
    registry.add("affine_constant", &make_elementwise<AffineConstant>);
    registry.add("moving_average_update", &make_elementwise<MovingAverage>);
    registry.add("scale", &make_elementwise<Scale>);
    registry.add("broadcast_scalar", &make_elementwise<BroadcastScalar>);
    registry.add("bias_add", &make_float32<BiasAddKernel>);
    registry.add("add_scalars", &make_float32<AddScalarsKernel>);
    registry.add("clip_scale", &make_float32<ClipScaleKernel>);
}

}  // namespace tensile::cuda
