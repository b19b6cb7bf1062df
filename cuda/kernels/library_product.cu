// Products by cuBLASLt; see library_product.h.
#include "cuda/kernels/library_product.h"

#include <algorithm>
#include <cstring>
#include <optional>

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

void describe(Layout& layout, std::int64_t rows, std::int64_t columns, std::int64_t leading, std::int64_t batch,
              std::int64_t stride) {
    constexpr const char* kDescribing = "describing a matrix";
    check(cublasLtMatrixLayoutInit(&layout, CUDA_R_32F, static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(columns), leading),
          kDescribing);
    const auto count = static_cast<std::int32_t>(batch);
    check(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
          kDescribing);
    check(
        cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride),
        kDescribing);
}

bool is_aligned(const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % kAlignment == 0;
}

}  // namespace

// The library's matrices are column-major, so it sees every matrix transposed and computes y^T = op(b)^T op(a)^T. Its
// descriptors lie here, without memory of their own.
struct LibraryProduct::Description {
    cublasLtMatmulDescOpaque_t product;
    Layout b, a, y;

    Description(const ProductShape& shape, cublasComputeType_t compute) {
        constexpr const char* kDescribing = "describing a matrix product";
        const std::int32_t first = shape.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
        const std::int32_t second = shape.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
        check(cublasLtMatmulDescInit(&product, compute, CUDA_R_32F), kDescribing);
        check(cublasLtMatmulDescSetAttribute(&product, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first), kDescribing);
        check(cublasLtMatmulDescSetAttribute(&product, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second),
              kDescribing);
        describe(b, shape.transpose_b ? shape.inner : shape.columns, shape.transpose_b ? shape.columns : shape.inner,
                 shape.b_width, shape.batch, shape.b_stride);
        describe(a, shape.transpose_a ? shape.rows : shape.inner, shape.transpose_a ? shape.inner : shape.rows,
                 shape.a_width, shape.batch, shape.a_stride);
        describe(y, shape.columns, shape.rows, shape.y_width, shape.batch, shape.y_stride);
    }
    Description(const Description&) = delete;
    Description& operator=(const Description&) = delete;

    // What an algorithm needs for these sizes; nothing where it does not work.
    std::optional<std::size_t> workspace_bytes(cublasLtHandle_t handle, const cublasLtMatmulAlgo_t& algorithm) {
        cublasLtMatmulHeuristicResult_t result{};
        const cublasStatus_t status = cublasLtMatmulAlgoCheck(handle, &product, &b, &a, &y, &y, &algorithm, &result);
        if (status != CUBLAS_STATUS_SUCCESS) return std::nullopt;
        return result.workspaceSize;
    }

    // What the library expects to be the fastest within these limits; nothing where nothing works.
    std::optional<cublasLtMatmulHeuristicResult_t> choose(cublasLtHandle_t handle, std::uint64_t most_workspace_bytes,
                                                          std::uint32_t reduction_schemes, std::uint32_t alignment) {
        constexpr const char* kDescribing = "describing the choice of a matrix product";
        cublasLtMatmulPreferenceOpaque_t preference;
        const auto set = [&](auto attribute, auto value) {
            check(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof value), kDescribing);
        };
        check(cublasLtMatmulPreferenceInit(&preference), kDescribing);
        set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace_bytes);
        set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reduction_schemes);
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment);
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment);
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment);
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment);
        cublasLtMatmulHeuristicResult_t result{};
        int count = 0;
        const cublasStatus_t status =
            cublasLtMatmulAlgoGetHeuristic(handle, &product, &b, &a, &y, &y, &preference, 1, &result, &count);
        if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && count == 0))
            return std::nullopt;
        check(status, "choosing an algorithm for a matrix product");
        return result;
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
    : capacity_(capacity), compute_(precision == TENSILE_BFLOAT16 ? CUBLAS_COMPUTE_32F_FAST_16BF : CUBLAS_COMPUTE_32F) {
    if (capacity.rows == 0 || capacity.columns == 0 || capacity.inner == 0 || capacity.batch == 0) return;
    ProductShape shape = capacity;
    shape.batch = std::min(shape.batch, kMostBatches);
    Description description(shape, compute_);
    if (!reuse(device, description, choice)) choose(device, description);
}

std::span<const std::uint8_t> LibraryProduct::choice() const {
    static_assert(sizeof algorithms_ == kChoiceBytes && kChoiceBytes <= TENSILE_CHOICE_BYTES);
    return {reinterpret_cast<const std::uint8_t*>(algorithms_.data()), sizeof algorithms_};
}

bool LibraryProduct::reuse(const DeviceContext& device, Description& capacity, std::span<const std::uint8_t> choice) {
    if (choice.size() != sizeof algorithms_) return false;
    std::memcpy(algorithms_.data(), choice.data(), choice.size());
    const auto fast = capacity.workspace_bytes(device.cublas_lt, algorithms_[0]);
    const auto other = capacity.workspace_bytes(device.cublas_lt, algorithms_[1]);
    if (!fast || !other || *fast > kMostWorkspaceBytes || *other > 0) return false;
    workspace_bytes_ = *fast;
    return true;
}

void LibraryProduct::choose(const DeviceContext& device, Description& capacity) {
    const auto fast =
        capacity.choose(device.cublas_lt, kMostWorkspaceBytes, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, kAlignment);
    auto plain = capacity.choose(device.cublas_lt, 0, CUBLASLT_REDUCTION_SCHEME_NONE, sizeof(float));
    // Where every algorithm loads vectors, only sizes can ask for the plain one.
    if (!plain) plain = capacity.choose(device.cublas_lt, 0, CUBLASLT_REDUCTION_SCHEME_NONE, kAlignment);
    if (!fast || !plain) throw PluginError(TENSILE_UNSUPPORTED, "cuBLASLt has no algorithm for a matrix product");
    algorithms_ = {fast->algo, plain->algo};
    workspace_bytes_ = fast->workspaceSize;
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
    Description description(present, compute_);
    bool fast = is_aligned(a) && is_aligned(b) && is_aligned(y);
    if (fast && !(present == capacity_)) {
        const auto needed = description.workspace_bytes(stream.cublas_lt, algorithms_[0]);
        fast = needed && *needed <= workspace_bytes_;
    }
    check(cublasLtMatmul(stream.cublas_lt, &description.product, &kOne, b, &description.b, a, &description.a, &y_factor,
                         y, &description.y, y, &description.y, &algorithms_[fast ? 0 : 1], scratch, workspace_bytes_,
                         stream.stream),
          "launching a matrix product");
}

}  // namespace tensile::cuda
