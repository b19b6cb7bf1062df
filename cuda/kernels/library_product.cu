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
// Batches lie along a dimension of the grid that ends at 65535. A multiple of 4, so that the next part of a batch is
// aligned as the first.
constexpr std::int64_t kMostBatches = 65532;

using Layout = cublasLtMatrixLayoutOpaque_t;

void describe(Layout& layout, std::int64_t rows, std::int64_t columns, std::int64_t leading, std::int64_t batch,
              std::int64_t stride) {
    constexpr const char* kDescribing = "describing a matrix";
    check(cublasLtMatrixLayoutInit(&layout, CUDA_R_32F, static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(columns), leading),
          kDescribing);
    const auto count = static_cast<std::int32_t>(batch);
    // As that of a single matrix is by default; otherwise it would depend on the number of rows.
    if (batch == 1) stride = 0;
    check(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
          kDescribing);
    check(
        cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride),
        kDescribing);
}

ProductShape one_launch(ProductShape shape) {
    shape.batch = std::min(shape.batch, kMostBatches);
    return shape;
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

    // What works within these limits, first what the library expects to be the fastest; at most results.size().
    std::span<const cublasLtMatmulHeuristicResult_t> rank(cublasLtHandle_t handle, std::uint64_t most_workspace_bytes,
                                                          std::uint32_t reduction_schemes, std::uint32_t alignment,
                                                          std::span<cublasLtMatmulHeuristicResult_t> results) {
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
        int count = 0;
        const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
            handle, &product, &b, &a, &y, &y, &preference, static_cast<int>(results.size()), results.data(), &count);
        if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
        check(status, "choosing an algorithm for a matrix product");
        return results.first(static_cast<std::size_t>(count));
    }

    std::optional<cublasLtMatmulHeuristicResult_t> choose(cublasLtHandle_t handle, std::uint64_t most_workspace_bytes,
                                                          std::uint32_t reduction_schemes, std::uint32_t alignment) {
        cublasLtMatmulHeuristicResult_t result{};
        if (rank(handle, most_workspace_bytes, reduction_schemes, alignment, {&result, 1}).empty()) return std::nullopt;
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

LibraryProduct::LibraryProduct(const DeviceContext& device, const OpProblem& problem, const ProductShape& capacity,
                               std::span<const ProductShape> sizes)
    : capacity_(capacity),
      compute_(problem.precision == TENSILE_BFLOAT16 ? CUBLAS_COMPUTE_32F_FAST_16BF : CUBLAS_COMPUTE_32F),
      row_invariant_(!sizes.empty()) {
    if (capacity.rows == 0 || capacity.columns == 0 || capacity.inner == 0 || capacity.batch == 0) return;
    Description description(one_launch(capacity), compute_);
    if (row_invariant_) {
        choose_invariant(device, description, sizes);
    } else if (!reuse(device, description, problem.choice)) {
        choose(device, description);
    }
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

// A choice that was made before is not asked: it may be of a time at which other capacities chose differently, and this
// one comes out the same as long as the library does.
void LibraryProduct::choose_invariant(const DeviceContext& device, Description& capacity,
                                      std::span<const ProductShape> sizes) {
    const auto works = [&](Description& description, const cublasLtMatmulAlgo_t& algorithm) {
        return description.workspace_bytes(device.cublas_lt, algorithm) == std::size_t{0};
    };
    const auto works_everywhere = [&](const cublasLtMatmulHeuristicResult_t& result) {
        return result.state == CUBLAS_STATUS_SUCCESS && std::ranges::all_of(sizes, [&](const ProductShape& size) {
                   Description description(one_launch(size), compute_);
                   return works(description, result.algo);
               });
    };
    Description nominal(one_launch(sizes.front()), compute_);
    std::array<cublasLtMatmulHeuristicResult_t, 16> results{};
    for (const auto alignment : {kAlignment, static_cast<std::uint32_t>(sizeof(float))}) {
        const auto ranked = nominal.rank(device.cublas_lt, 0, CUBLASLT_REDUCTION_SCHEME_NONE, alignment, results);
        const auto found = std::ranges::find_if(ranked, works_everywhere);
        if (found == ranked.end()) continue;
        // No other one may stand in for it at this capacity alone.
        if (!works(capacity, found->algo)) break;
        algorithms_ = {found->algo, found->algo};
        return;
    }
    throw PluginError(TENSILE_UNSUPPORTED,
                      "cuBLASLt has no algorithm for a matrix product whose rows do not depend on their number");
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
    if (row_invariant_ && !fast)
        throw PluginError(TENSILE_INVALID, "operands of a row-invariant matrix product are not aligned");
    if (fast && !row_invariant_ && !(present == capacity_)) {
        const auto needed = description.workspace_bytes(stream.cublas_lt, algorithms_[0]);
        fast = needed && *needed <= workspace_bytes_;
    }
    check(cublasLtMatmul(stream.cublas_lt, &description.product, &kOne, b, &description.b, a, &description.a, &y_factor,
                         y, &description.y, y, &description.y, &algorithms_[fast ? 0 : 1], scratch, workspace_bytes_,
                         stream.stream),
          "launching a matrix product");
}

}  // namespace tensile::cuda
