// Row kernels of batch normalisation and of the moments' gradient: each column of the result is an affine map of that
// of one operand. Their reductions are in column_reductions.cu.
#include <cmath>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/column_reduction.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/function_kernel.h"

namespace tensile::cuda {

namespace {

// y = (x - center) slope + offset
struct Affine {
    float center;
    float slope;
    float offset;
};

struct Normalize {
    const float* mean;
    const float* variance;
    const float* gamma;
    const float* beta;
    float epsilon;

    __device__ Affine of(std::int64_t column) const {
        return {mean[column], gamma[column] / sqrtf(variance[column] + epsilon), beta[column]};
    }
};

struct NormalizeGradient {
    const float* variance;
    const float* gamma;
    float epsilon;

    __device__ Affine of(std::int64_t column) const {
        return {0, gamma[column] / sqrtf(variance[column] + epsilon), 0};
    }
};

// (dmean + 2 (x - mean) dvariance) / rows
struct MomentsGradient {
    const float* mean;
    const float* dmean;
    const float* dvariance;
    float rows;

    __device__ Affine of(std::int64_t column) const {
        return {mean[column], 2 * dvariance[column] / rows, dmean[column] / rows};
    }
};

constexpr int kRowsPerThread = 16;

// A thread takes some rows of one column, so that what belongs to the column is computed once. Grid: column tiles by
// row blocks. y may be x.
template <typename Map>
__global__ void map_columns(Map map, const float* x, float* y, std::int64_t rows, std::int64_t columns,
                            int block_columns) {
    const ColumnPlace place(block_columns);
    if (place.column >= columns) return;
    const Affine affine = map.of(place.column);
    const std::int64_t block_rows = static_cast<std::int64_t>(place.lanes) * kRowsPerThread;
    for (std::int64_t block = blockIdx.y; block * block_rows < rows; block += gridDim.y) {
#pragma unroll 4
        for (int k = 0; k < kRowsPerThread; ++k) {
            const std::int64_t row = block * block_rows + place.lane + static_cast<std::int64_t>(k) * place.lanes;
            if (row >= rows) break;
            const std::int64_t at = row * columns + place.column;
            y[at] = fmaf(x[at] - affine.center, affine.slope, affine.offset);
        }
    }
}

template <typename Map>
void launch_map(const Map& map, const TensorType& type, std::int64_t rows, const KernelArguments& call,
                const char* name) {
    const ColumnCut cut(type.rows(), type.dim(1));
    if (rows == 0 || cut.columns == 0) return;
    constexpr std::int64_t kMostBlocks = 65535;  // of the grid's second dimension
    const std::int64_t block_rows = std::int64_t{kBlockThreads / cut.block_columns} * kRowsPerThread;
    const std::int64_t blocks = std::min((rows + block_rows - 1) / block_rows, kMostBlocks);
    launch_kernel(&map_columns<Map>, dim3(static_cast<unsigned>(cut.tiles()), static_cast<unsigned>(blocks)),
                  dim3(kBlockThreads), call.stream.stream, name, map, call.input<float>(0), call.output<float>(0), rows,
                  cut.columns, cut.block_columns);
}

std::unique_ptr<Kernel> make_batch_normalize(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    const auto epsilon = static_cast<float>(problem.number("epsilon"));
    return function_kernel({.overwritable_inputs = 1}, [type, epsilon](const KernelArguments& call) {
        launch_map(
            Normalize{call.input<float>(1), call.input<float>(2), call.input<float>(3), call.input<float>(4), epsilon},
            type, type.present_rows(call.extents), call, "batch_normalize");
    });
}

std::unique_ptr<Kernel> make_batch_norm_gradient(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    const auto epsilon = static_cast<float>(problem.number("epsilon"));
    return function_kernel({.overwritable_inputs = 1}, [type, epsilon](const KernelArguments& call) {
        launch_map(NormalizeGradient{call.input<float>(1), call.input<float>(2), epsilon}, type,
                   type.present_rows(call.extents), call, "batch_norm_gradient_input");
    });
}

std::unique_ptr<Kernel> make_batch_moments_gradient(const DeviceContext&, const OpProblem& problem) {
    require_float32_values(problem);
    const TensorType type = problem.inputs[0];
    return function_kernel({.overwritable_inputs = 1}, [type](const KernelArguments& call) {
        const std::int64_t rows = type.present_rows(call.extents);
        launch_map(
            MomentsGradient{call.input<float>(1), call.input<float>(2), call.input<float>(3), static_cast<float>(rows)},
            type, rows, call, "batch_moments_gradient");
    });
}

}  // namespace

void register_batch_normalization(KernelRegistry& registry) {
    registry.add("batch_normalize", &make_batch_normalize);
    registry.add("batch_norm_gradient_input", &make_batch_norm_gradient);
    registry.add("batch_moments_gradient", &make_batch_moments_gradient);
}

}  // namespace tensile::cuda
