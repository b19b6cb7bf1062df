// Products by cuBLASLt; see library_product.h.
#include "cuda/kernels/library_product.h"

#include <algorithm>
#include <cstring>

#include "cuda/error.h"

namespace tensile::cuda {

namespace {

// The most that a split inner dimension may take for its parts; what is taken is what the chosen algorithm needs.
constexpr std::uint64_t kMostWorkspaceBytes = std::uint64_t{32} << 20;
// Of addresses, for vector loads.
constexpr std::uint32_t kAlignment = 16;
// Batches lie along a dimension of the grid that ends there.
constexpr std::int64_t kMostBatches = 65535;

using Layout = cublasLtMatrixLayoutOpaque_t;

Layout layout(std::int64_t rows, std::int64_t columns, std::int64_t leading, std::int64_t batch, std::int64_t stride) {
    Layout result;
    check(cublasLtMatrixLayoutInit(&result, CUDA_R_32F, static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(columns), leading),
          "describing a matrix");
    const auto count = static_cast<std::int32_t>(batch);
    check(cublasLtMatrixLayoutSetAttribute(&result, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
          "describing a batch of matrices");
    check(
        cublasLtMatrixLayoutSetAttribute(&result, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride),
        "describing a batch of matrices");
    return result;
}

template <typename Attribute, typename T>
void set(cublasLtMatmulPreferenceOpaque_t& preference, Attribute attribute, T value) {
    check(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof value),
          "describing the choice of a matrix product");
}

bool is_aligned(const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % kAlignment == 0;
}

}  // namespace

// The library's matrices are column-major, so it sees every matrix transposed and computes y^T = op(b)^T op(a)^T.
struct LibraryProduct::Layouts {
    Layout b, a, y;

    // Status of an algorithm for these sizes, and what it needs.
    cublasStatus_t check_algorithm(cublasLtHandle_t handle, const cublasLtMatmulDescOpaque_t& descriptor,
                                   const cublasLtMatmulAlgo_t& algorithm, std::size_t& workspace_bytes) {
        cublasLtMatmulHeuristicResult_t result{};
        auto described = descriptor;
        const cublasStatus_t status = cublasLtMatmulAlgoCheck(handle, &described, &b, &a, &y, &y, &algorithm, &result);
        workspace_bytes = result.workspaceSize;
        return status;
    }
};

ProductShape ProductShape::dense(std::int64_t rows, std::int64_t inner, std::int64_t columns, bool transpose_a,
                                 bool transpose_b) {
    ProductShape shape{rows, inner, columns, transpose_a, transpose_b};
    shape.a_width = transpose_a ? rows : inner;
    shape.b_width = transpose_b ? inner : columns;
    shape.y_width = columns;
    shape.a_stride = rows * inner;
    shape.b_stride = inner * columns;
    shape.y_stride = rows * columns;
    return shape;
}

LibraryProduct::LibraryProduct(const DeviceContext& device, const ProductShape& capacity, TensilePrecision precision,
                               std::span<const std::uint8_t> choice)
    : capacity_(capacity) {
    const cublasComputeType_t compute =
        precision == TENSILE_BFLOAT16 ? CUBLAS_COMPUTE_32F_FAST_16BF : CUBLAS_COMPUTE_32F;
    check(cublasLtMatmulDescInit(&descriptor_, compute, CUDA_R_32F), "describing a matrix product");
    const std::int32_t first = capacity.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    const std::int32_t second = capacity.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(cublasLtMatmulDescSetAttribute(&descriptor_, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first),
          "describing a matrix product");
    check(cublasLtMatmulDescSetAttribute(&descriptor_, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second),
          "describing a matrix product");
    if (capacity.rows == 0 || capacity.columns == 0 || capacity.inner == 0 || capacity.batch == 0) return;
    ProductShape shape = capacity;
    shape.batch = std::min(shape.batch, kMostBatches);
    Layouts described = layouts(shape);
    if (!reuse(device, described, choice)) choose(device, described);
}

std::span<const std::uint8_t> LibraryProduct::choice() const {
    static_assert(sizeof algorithms_ == kChoiceBytes && kChoiceBytes <= TENSILE_CHOICE_BYTES);
    return {reinterpret_cast<const std::uint8_t*>(algorithms_.data()), sizeof algorithms_};
}

LibraryProduct::Layouts LibraryProduct::layouts(const ProductShape& shape) const {
    Layouts result;
    result.b = shape.transpose_b ? layout(shape.inner, shape.columns, shape.b_width, shape.batch, shape.b_stride)
                                 : layout(shape.columns, shape.inner, shape.b_width, shape.batch, shape.b_stride);
    result.a = shape.transpose_a ? layout(shape.rows, shape.inner, shape.a_width, shape.batch, shape.a_stride)
                                 : layout(shape.inner, shape.rows, shape.a_width, shape.batch, shape.a_stride);
    result.y = layout(shape.columns, shape.rows, shape.y_width, shape.batch, shape.y_stride);
    return result;
}

bool LibraryProduct::reuse(const DeviceContext& device, Layouts& layouts, std::span<const std::uint8_t> choice) {
    if (choice.size() != sizeof algorithms_) return false;
    std::memcpy(algorithms_.data(), choice.data(), choice.size());
    std::size_t fallback_bytes = 0;
    return layouts.check_algorithm(device.cublas_lt, descriptor_, algorithms_[0], workspace_bytes_) ==
               CUBLAS_STATUS_SUCCESS &&
           layouts.check_algorithm(device.cublas_lt, descriptor_, algorithms_[1], fallback_bytes) ==
               CUBLAS_STATUS_SUCCESS &&
           workspace_bytes_ <= kMostWorkspaceBytes && fallback_bytes == 0;
}

void LibraryProduct::choose(const DeviceContext& device, Layouts& layouts) {
    for (std::size_t i = 0; i < algorithms_.size(); ++i) {
        const bool fast = i == 0;
        cublasLtMatmulPreferenceOpaque_t preference;
        check(cublasLtMatmulPreferenceInit(&preference), "describing the choice of a matrix product");
        set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, fast ? kMostWorkspaceBytes : std::uint64_t{0});
        set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            static_cast<std::uint32_t>(fast ? CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE : CUBLASLT_REDUCTION_SCHEME_NONE));
        for (const auto operand :
             {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
              CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
            set(preference, operand, fast ? kAlignment : static_cast<std::uint32_t>(sizeof(float)));
        cublasLtMatmulHeuristicResult_t result{};
        int count = 0;
        check(cublasLtMatmulAlgoGetHeuristic(device.cublas_lt, &descriptor_, &layouts.b, &layouts.a, &layouts.y,
                                             &layouts.y, &preference, 1, &result, &count),
              "choosing an algorithm for a matrix product");
        if (count == 0) throw PluginError(TENSILE_UNSUPPORTED, "cuBLASLt has no algorithm for a matrix product");
        algorithms_[i] = result.algo;
        if (fast) workspace_bytes_ = result.workspaceSize;
    }
}

void LibraryProduct::launch(const StreamContext& stream, const float* a, const float* b, float* y, std::byte* scratch,
                            const ProductShape& present) const {
    if (present.rows == 0 || present.columns == 0 || present.batch == 0) return;
    if (present.inner == 0) {
        const auto count = static_cast<std::size_t>(present.batch * present.rows * present.columns);
        return check(cudaMemsetAsync(y, 0, count * sizeof(float), stream.stream), "filling an empty product");
    }
    launch_batches(stream, a, b, y, scratch, present, 0);
}

void LibraryProduct::launch_added(const StreamContext& stream, const float* a, const float* b, float* y,
                                  std::byte* scratch, const ProductShape& present) const {
    if (present.rows == 0 || present.columns == 0 || present.batch == 0 || present.inner == 0) return;
    launch_batches(stream, a, b, y, scratch, present, 1);
}

void LibraryProduct::launch_batches(const StreamContext& stream, const float* a, const float* b, float* y,
                                    std::byte* scratch, const ProductShape& present, float y_factor) const {
    for (std::int64_t first = 0; first < present.batch; first += kMostBatches) {
        ProductShape part = present;
        part.batch = std::min(present.batch - first, kMostBatches);
        launch_batch(stream, a + first * present.a_stride, b + first * present.b_stride, y + first * present.y_stride,
                     scratch, part, y_factor);
    }
}

void LibraryProduct::launch_batch(const StreamContext& stream, const float* a, const float* b, float* y,
                                  std::byte* scratch, const ProductShape& present, float y_factor) const {
    constexpr float kOne = 1;
    Layouts described = layouts(present);
    bool fast = is_aligned(a) && is_aligned(b) && is_aligned(y);
    if (fast && !(present == capacity_)) {
        std::size_t needed = 0;
        fast =
            described.check_algorithm(stream.cublas_lt, descriptor_, algorithms_[0], needed) == CUBLAS_STATUS_SUCCESS &&
            needed <= workspace_bytes_;
    }
    auto descriptor = descriptor_;
    check(cublasLtMatmul(stream.cublas_lt, &descriptor, &kOne, b, &described.b, a, &described.a, &y_factor, y,
                         &described.y, y, &described.y, &algorithms_[fast ? 0 : 1], scratch, workspace_bytes_,
                         stream.stream),
          "launching a matrix product");
}

}  // namespace tensile::cuda
