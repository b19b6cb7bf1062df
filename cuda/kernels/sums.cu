// Kernels of sums to one number: of all elements, of their squares or products, and the mean of losses over the rows
// that count. To column_reduction.h they are matrices of one column.
#include "cuda/kernel_registry.h"
#include "cuda/kernels/column_reduction.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/function_kernel.h"
#include "cuda/kernels/grid_walk.h"

namespace tensile::cuda {

namespace {

// Of the reference (graph/ops/masked_mean.h).
constexpr float kSmallestWeightSum = 1e-30F;

struct Identity {
    static constexpr int kOperands = 1;
    __device__ float operator()(float a, float) const { return a; }
};
struct Square {
    static constexpr int kOperands = 1;
    __device__ float operator()(float a, float) const { return a * a; }
};
struct Product {
    static constexpr int kOperands = 2;
    __device__ float operator()(float a, float b) const { return a * b; }
};

template <typename Term>
struct Total {
    static constexpr int kTerms = 1;
    using State = Sums<1>;
    const float* a;
    const float* b;
    float* y;

    __device__ void load(std::int64_t element, std::int64_t, float* terms) const {
        terms[0] = Term()(a[element], Term::kOperands > 1 ? b[element] : 0.0F);
    }
    __device__ void finish(std::int64_t, const State& state) const { *y = state.value[0]; }
};

struct MaskedMean {
    static constexpr int kTerms = 2;
    using State = Sums<2>;
    const float* losses;
    const float* weights;
    float* y;

    __device__ void load(std::int64_t row, std::int64_t, float* terms) const {
        terms[0] = losses[row];
        terms[1] = weights[row];
    }
    __device__ void finish(std::int64_t, const State& state) const {
        *y = state.value[0] / fmaxf(state.value[1], kSmallestWeightSum);
    }
};

// What each present row gets.
struct MaskedMeanShare {
    static constexpr int kTerms = 1;
    using State = Sums<1>;
    const float* weights;
    const float* dy;
    float* share;

    __device__ void load(std::int64_t row, std::int64_t, float* terms) const { terms[0] = weights[row]; }
    __device__ void finish(std::int64_t, const State& state) const {
        *share = *dy / fmaxf(state.value[0], kSmallestWeightSum);
    }
};

__global__ void fill_rows(const float* value, float* y, std::int64_t rows, std::int64_t capacity) {
    for (std::int64_t i = grid_thread(); i < capacity; i += grid_threads())
        y[i] = i < rows ? *value : 0;
}

template <typename Term>
std::unique_ptr<Kernel> make_total(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    const ColumnCut cut(type.elements(), 1);
    return function_kernel(
        {.scratch_bytes = cut.scratch_bytes<Total<Term>>()}, [type, cut](const KernelArguments& call) {
            const float* b = Term::kOperands > 1 ? call.input<float>(1) : nullptr;
            launch_column_reduction(Total<Term>{call.input<float>(0), b, call.output<float>(0)}, cut,
                                    type.present_elements(call.extents), call.scratch, call.stream.stream, "sum");
        });
}

std::unique_ptr<Kernel> make_masked_mean(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    const ColumnCut cut(type.rows(), 1);
    return function_kernel(
        {.scratch_bytes = cut.scratch_bytes<MaskedMean>()}, [type, cut](const KernelArguments& call) {
            launch_column_reduction(MaskedMean{call.input<float>(0), call.input<float>(1), call.output<float>(0)}, cut,
                                    type.present_rows(call.extents), call.scratch, call.stream.stream, "masked_mean");
        });
}

// Rows beyond the extent get zeros. Scratch: the share, then the sums of the reduction.
std::unique_ptr<Kernel> make_masked_mean_gradient(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.outputs[0];
    const ColumnCut cut(type.rows(), 1);
    const std::size_t scratch = sizeof(float) + cut.scratch_bytes<MaskedMeanShare>();
    return function_kernel({.scratch_bytes = scratch}, [type, cut](const KernelArguments& call) {
        const std::int64_t rows = type.present_rows(call.extents);
        auto* share = reinterpret_cast<float*>(call.scratch);
        launch_column_reduction(MaskedMeanShare{call.input<float>(0), call.input<float>(1), share}, cut, rows,
                                call.scratch + sizeof(float), call.stream.stream, "masked_mean_gradient");
        launch_kernel(&fill_rows, grid_for(type.rows()), dim3(kBlockThreads), call.stream.stream,
                      "masked_mean_gradient", share, call.output<float>(0), rows, type.rows());
    });
}

}  // namespace

void register_sums(KernelRegistry& registry) {
    registry.add("sum_all", &make_total<Identity>);
    registry.add("sum_of_squares", &make_total<Square>);
    registry.add("inner_product", &make_total<Product>);
    registry.add("masked_mean", &make_masked_mean);
    registry.add("masked_mean_gradient", &make_masked_mean_gradient);
}

}  // namespace tensile::cuda
