// Kernels of reductions to one row: column sums, moments of a batch, gradients of the parameters of normalisations, and
// the sum over everything but one mode. All go through column_reduction.h and read their operands once.
#include <cmath>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/column_reduction.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/function_kernel.h"

namespace tensile::cuda {

namespace {

struct ColumnSum {
    static constexpr int kTerms = 1;
    using State = Sums<1>;
    const float* x;
    float* y;
    std::int64_t columns;

    __device__ void load(std::int64_t row, std::int64_t column, float* terms) const {
        terms[0] = x[row * columns + column];
    }
    __device__ void finish(std::int64_t column, const State& state) const { y[column] = state.value[0]; }
};

// Number of rows, their mean, and the sum of their squared deviations from it. A chunk's deviations are taken from its
// own mean, in registers; states are merged by the formulas of Chan, Golub, LeVeque ("Updating formulae and a pairwise
// algorithm for computing sample variances", 1979), which never subtract squares.
struct MomentState {
    static constexpr int kFloats = 3;
    float value[kFloats] = {};

    __device__ static MomentState of(const float (&terms)[kChunk][1], int count) {
        const auto rows = static_cast<float>(count);
        MomentState state;
        state.value[0] = rows;
        state.value[1] = Sums<1>::of(terms, count).value[0] / rows;
        float squares[kChunk][1] = {};
#pragma unroll
        for (int k = 0; k < kChunk; ++k) {
            const float deviation = terms[k][0] - state.value[1];
            if (k < count) squares[k][0] = deviation * deviation;
        }
        state.value[2] = Sums<1>::of(squares, count).value[0];
        return state;
    }
    __device__ void merge(const MomentState& later) {
        if (later.value[0] == 0) return;
        const float rows = value[0] + later.value[0];
        const float share = later.value[0] / rows;
        const float distance = later.value[1] - value[1];
        value[2] += later.value[2] + distance * distance * (value[0] * share);
        value[1] += distance * share;
        value[0] = rows;
    }
};

struct BatchMoments {
    static constexpr int kTerms = 1;
    using State = MomentState;
    const float* x;
    float* mean;
    float* variance;
    std::int64_t columns;
    float rows;  // at least 1

    __device__ void load(std::int64_t row, std::int64_t column, float* terms) const {
        terms[0] = x[row * columns + column];
    }
    __device__ void finish(std::int64_t column, const State& state) const {
        mean[column] = state.value[1];
        variance[column] = state.value[2] / rows;
    }
};

struct BatchNormGradients {
    static constexpr int kTerms = 2;
    using State = Sums<2>;
    const float* x;
    const float* mean;
    const float* variance;
    const float* gamma;
    const float* dy;
    float* dmean;
    float* dvariance;
    float* dgamma;
    float* dbeta;
    std::int64_t columns;
    float epsilon;

    __device__ void load(std::int64_t row, std::int64_t column, float* terms) const {
        const std::int64_t at = row * columns + column;
        terms[0] = dy[at];
        terms[1] = dy[at] * (x[at] - mean[column]);
    }
    __device__ void finish(std::int64_t column, const State& state) const {
        const float inverse = 1 / sqrtf(variance[column] + epsilon);
        const float scaled = gamma[column] * inverse;
        const float beta_gradient = state.value[0];
        const float gamma_gradient = state.value[1] * inverse;
        dmean[column] = -scaled * beta_gradient;
        dvariance[column] = -0.5F * scaled * inverse * gamma_gradient;
        dgamma[column] = gamma_gradient;
        dbeta[column] = beta_gradient;
    }
};

struct LayerNormGradients {
    static constexpr int kTerms = 2;
    using State = Sums<2>;
    const float* x;
    const float* mean;
    const float* inverse_deviation;
    const float* dy;
    float* dgamma;
    float* dbeta;
    std::int64_t columns;

    __device__ void load(std::int64_t row, std::int64_t column, float* terms) const {
        const std::int64_t at = row * columns + column;
        terms[0] = dy[at] * (x[at] - mean[row]) * inverse_deviation[row];
        terms[1] = dy[at];
    }
    __device__ void finish(std::int64_t column, const State& state) const {
        dgamma[column] = state.value[0];
        dbeta[column] = state.value[1];
    }
};

// fold_mode as a matrix: a column is a place of the mode in its group, a row one of the copies of it.
struct ModeSum {
    static constexpr int kTerms = 1;
    using State = Sums<1>;
    const float* row_values;
    float* values;
    unsigned groups;
    unsigned outer;
    unsigned size;
    unsigned inner;

    __device__ void load(std::int64_t row, std::int64_t column, float* terms) const {
        const auto copy = static_cast<unsigned>(row);
        const auto place = static_cast<unsigned>(column);
        const unsigned i = copy % inner;
        const unsigned o = copy / inner % outer;
        const unsigned repeat = copy / inner / outer;
        const unsigned group = place / size;
        terms[0] = row_values[(((repeat * groups + group) * outer + o) * size + place % size) * inner + i];
    }
    __device__ void finish(std::int64_t column, const State& state) const { values[column] = state.value[0]; }
};

std::unique_ptr<Kernel> make_column_sum(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    const ColumnCut cut(type.rows(), type.dim(1));
    return function_kernel({.scratch_bytes = cut.scratch_bytes<ColumnSum>()}, [type, cut](const KernelArguments& call) {
        launch_column_reduction(ColumnSum{call.input<float>(0), call.output<float>(0), cut.columns}, cut,
                                type.present_rows(call.extents), call.scratch, call.stream.stream, "column_sum");
    });
}

std::unique_ptr<Kernel> make_batch_moments(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    const ColumnCut cut(type.rows(), type.dim(1));
    return function_kernel(
        {.scratch_bytes = cut.scratch_bytes<BatchMoments>()}, [type, cut](const KernelArguments& call) {
            const std::int64_t rows = type.present_rows(call.extents);
            launch_column_reduction(BatchMoments{call.input<float>(0), call.output<float>(0), call.output<float>(1),
                                                 cut.columns, static_cast<float>(std::max<std::int64_t>(rows, 1))},
                                    cut, rows, call.scratch, call.stream.stream, "batch_moments");
        });
}

std::unique_ptr<Kernel> make_batch_norm_gradients(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    const ColumnCut cut(type.rows(), type.dim(1));
    const auto epsilon = static_cast<float>(problem.number("epsilon"));
    return function_kernel({.scratch_bytes = cut.scratch_bytes<BatchNormGradients>()},
                           [type, cut, epsilon](const KernelArguments& call) {
                               launch_column_reduction(
                                   BatchNormGradients{call.input<float>(0), call.input<float>(1), call.input<float>(2),
                                                      call.input<float>(3), call.input<float>(4), call.output<float>(0),
                                                      call.output<float>(1), call.output<float>(2),
                                                      call.output<float>(3), cut.columns, epsilon},
                                   cut, type.present_rows(call.extents), call.scratch, call.stream.stream,
                                   "batch_norm_gradient_reductions");
                           });
}

std::unique_ptr<Kernel> make_layer_norm_gradients(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    const ColumnCut cut(type.rows(), type.dim(1));
    return function_kernel(
        {.scratch_bytes = cut.scratch_bytes<LayerNormGradients>()}, [type, cut](const KernelArguments& call) {
            launch_column_reduction(
                LayerNormGradients{call.input<float>(0), call.input<float>(1), call.input<float>(2),
                                   call.input<float>(3), call.output<float>(0), call.output<float>(1), cut.columns},
                cut, type.present_rows(call.extents), call.scratch, call.stream.stream,
                "layer_norm_gradient_parameters");
        });
}

std::unique_ptr<Kernel> make_fold_mode(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    require_32_bits(problem, problem.inputs[0].elements());
    const std::int64_t places = problem.outputs[0].elements();
    const auto groups = static_cast<unsigned>(problem.integer("groups"));
    const auto outer = static_cast<unsigned>(problem.integer("outer"));
    const auto inner = static_cast<unsigned>(problem.integer("inner"));
    const std::int64_t copies = problem.integer("repeats") * outer * inner;
    const unsigned size = static_cast<unsigned>(places) / groups;
    const ColumnCut cut(copies, places);
    return function_kernel({.scratch_bytes = cut.scratch_bytes<ModeSum>()}, [cut, copies, groups, outer, size,
                                                                             inner](const KernelArguments& call) {
        launch_column_reduction(ModeSum{call.input<float>(0), call.output<float>(0), groups, outer, size, inner}, cut,
                                copies, call.scratch, call.stream.stream, "fold_mode");
    });
}

}  // namespace

void register_column_reductions(KernelRegistry& registry) {
    registry.add("column_sum", &make_column_sum);
    registry.add("batch_moments", &make_batch_moments);
    registry.add("batch_norm_gradient_reductions", &make_batch_norm_gradients);
    registry.add("layer_norm_gradient_parameters", &make_layer_norm_gradients);
    registry.add("fold_mode", &make_fold_mode);
}

}  // namespace tensile::cuda
