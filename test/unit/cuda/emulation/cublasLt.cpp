// Matrix products on host memory; see cublasLt.h.
#include "unit/cuda/emulation/cublasLt.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "unit/cuda/emulation/emulation.h"

struct EmulatedCublasLt {};

namespace {

using namespace tensile::cuda_emulation;

constexpr std::uint64_t kSimple = 0x51;
constexpr std::uint64_t kSplit = 0x52;
constexpr std::uint64_t kNarrow = 0x53;
constexpr std::uint64_t kWide = 0x54;
constexpr std::uint64_t kBackward = 0x55;
constexpr std::uint64_t kNarrowColumns = 4;  // the most
constexpr std::uint64_t kWideColumns = 64;   // the least
constexpr std::uint64_t kManyColumns = 100;
constexpr std::uint64_t kSplits = 4;
// The library does not say how many it takes; a grid of the device ends there.
constexpr std::int32_t kMostBatches = 65535;

bool needs_alignment(std::uint64_t algorithm) {
    return algorithm == kSplit || algorithm == kWide;
}

struct Operands {
    const cublasLtMatmulDescOpaque_t& descriptor;
    const cublasLtMatrixLayoutOpaque_t &a, &b, &d;

    std::uint64_t rows() const { return descriptor.transpose_a != 0 ? a.columns : a.rows; }
    std::uint64_t columns() const { return descriptor.transpose_b != 0 ? b.rows : b.columns; }
    std::uint64_t inner() const { return descriptor.transpose_a != 0 ? a.rows : a.columns; }
    bool fit() const {
        const std::uint64_t inner_of_b = descriptor.transpose_b != 0 ? b.columns : b.rows;
        return inner() == inner_of_b && d.rows == rows() && d.columns == columns() && a.batch == d.batch &&
               b.batch == d.batch && d.batch >= 1 && d.batch <= kMostBatches && rows() > 0 && columns() > 0 &&
               inner() > 0;
    }
    std::uint64_t all_columns() const { return columns() * static_cast<std::uint64_t>(d.batch); }
    bool suit(std::uint64_t algorithm) const {
        switch (algorithm) {
        case kSimple:
        case kBackward:
            return true;
        case kSplit:
            return inner() >= kSplits;
        case kNarrow:
            return all_columns() <= kNarrowColumns;
        case kWide:
            return all_columns() >= kWideColumns;
        default:
            return false;
        }
    }
    // Best first, as the library expects it of this many columns.
    std::vector<std::uint64_t> ranking() const {
        if (all_columns() <= kNarrowColumns) return {kNarrow, kSplit, kSimple, kBackward};
        if (all_columns() >= kManyColumns) return {kWide, kSplit, kBackward, kSimple};
        return {kSplit, kSimple, kBackward};
    }
    std::size_t split_workspace() const {
        return kSplits * sizeof(float) * rows() * columns() * static_cast<std::size_t>(d.batch);
    }
};

bool is_valid(const cublasLtMatrixLayoutOpaque_t& layout) {
    return layout.leading >= static_cast<std::int64_t>(layout.rows);
}

// Elements from the first to the last, of all batches.
std::size_t span(const cublasLtMatrixLayoutOpaque_t& layout) {
    return static_cast<std::size_t>((layout.batch - 1) * layout.stride) +
           (layout.columns - 1) * static_cast<std::size_t>(layout.leading) + layout.rows;
}

float element(const float* matrix, const cublasLtMatrixLayoutOpaque_t& layout, bool transposed, std::uint64_t row,
              std::uint64_t column) {
    const auto leading = static_cast<std::uint64_t>(layout.leading);
    return transposed ? matrix[column + row * leading] : matrix[row + column * leading];
}

// As an operand of CUBLAS_COMPUTE_32F_FAST_16BF.
float rounded_to_bf16(float value) {
    auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7f800000U) == 0x7f800000U) return value;
    bits += 0x7fffU + (bits >> 16 & 1U);
    return std::bit_cast<float>(bits & 0xffff0000U);
}

struct Product {
    cublasLtMatmulDescOpaque_t descriptor;
    const float* a;
    const float* b;
    float* d;
    cublasLtMatrixLayoutOpaque_t a_layout, b_layout, d_layout;
    float* partial;  // of the split algorithm
    std::uint64_t algorithm;
    bool added;  // to what d holds

    float term(const float* a_batch, const float* b_batch, std::uint64_t row, std::uint64_t column,
               std::uint64_t k) const {
        float x = element(a_batch, a_layout, descriptor.transpose_a != 0, row, k);
        float y = element(b_batch, b_layout, descriptor.transpose_b != 0, k, column);
        if (descriptor.compute == CUBLAS_COMPUTE_32F_FAST_16BF) {
            x = rounded_to_bf16(x);
            y = rounded_to_bf16(y);
        }
        return x * y;
    }

    // Terms of one element in [begin, end), in the algorithm's order.
    float sum(const float* a_batch, const float* b_batch, std::uint64_t row, std::uint64_t column, std::uint64_t begin,
              std::uint64_t end) const {
        const auto at = [&](std::uint64_t k) { return term(a_batch, b_batch, row, column, k); };
        const std::uint64_t lanes = algorithm == kNarrow ? 2 : algorithm == kWide ? 3 : 1;
        float total = 0;
        for (std::uint64_t lane = 0; lane < lanes; ++lane) {
            float of_lane = 0;
            for (std::uint64_t k = begin + lane; k < end; k += lanes)
                of_lane += at(algorithm == kBackward ? end - 1 - (k - begin) : k);
            total += of_lane;
        }
        return total;
    }

    void run() const {
        const std::uint64_t inner = Operands{descriptor, a_layout, b_layout, d_layout}.inner();
        const std::uint64_t parts = partial != nullptr ? kSplits : 1;
        float* next = partial;
        for (std::int32_t batch = 0; batch < d_layout.batch; ++batch) {
            const float* a_batch = a + batch * a_layout.stride;
            const float* b_batch = b + batch * b_layout.stride;
            float* d_batch = d + batch * d_layout.stride;
            for (std::uint64_t column = 0; column < d_layout.columns; ++column) {
                for (std::uint64_t row = 0; row < d_layout.rows; ++row) {
                    float total = 0;
                    for (std::uint64_t part = 0; part < parts; ++part) {
                        const float of_part =
                            sum(a_batch, b_batch, row, column, inner * part / parts, inner * (part + 1) / parts);
                        if (partial != nullptr) *next++ = of_part;
                        total += of_part;
                    }
                    float& to = d_batch[row + column * static_cast<std::uint64_t>(d_layout.leading)];
                    to = added ? to + total : total;
                }
            }
        }
    }
};

bool is_usable(const void* address, const cublasLtMatrixLayoutOpaque_t& layout, std::size_t alignment) {
    return reinterpret_cast<std::uintptr_t>(address) % alignment == 0 &&
           is_device_memory(address, span(layout) * sizeof(float));
}

template <typename T>
bool set(T& to, const void* value, std::size_t bytes) {
    if (bytes != sizeof to) return false;
    std::memcpy(&to, value, bytes);
    return true;
}

cublasStatus_t status_of(bool good) {
    return good ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

}  // namespace

std::size_t cublasLtGetVersion() {
    return 130002;
}

const char* cublasLtGetStatusString(cublasStatus_t status) {
    return status == CUBLAS_STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE" : "an emulated status";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
    *handle = std::make_unique<EmulatedCublasLt>().release();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
    const std::unique_ptr<EmulatedCublasLt> owned(handle);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutInit(cublasLtMatrixLayout_t layout, cudaDataType type, std::uint64_t rows,
                                        std::uint64_t columns, std::int64_t leading) {
    *layout = {rows, columns, leading, 1, 0};
    return status_of(type == CUDA_R_32F);
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t bytes) {
    switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_ROWS:
        return status_of(set(layout->rows, value, bytes));
    case CUBLASLT_MATRIX_LAYOUT_COLS:
        return status_of(set(layout->columns, value, bytes));
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
        return status_of(set(layout->batch, value, bytes));
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
        return status_of(set(layout->stride, value, bytes));
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulDescInit(cublasLtMatmulDesc_t descriptor, cublasComputeType_t compute,
                                      cudaDataType scale) {
    *descriptor = {compute, CUBLAS_OP_N, CUBLAS_OP_N};
    // TensorFloat-32 is never what this project wants.
    return status_of(scale == CUDA_R_32F && compute != CUBLAS_COMPUTE_32F_FAST_TF32);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t descriptor, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t bytes) {
    std::int32_t& to = attribute == CUBLASLT_MATMUL_DESC_TRANSA ? descriptor->transpose_a : descriptor->transpose_b;
    return status_of(set(to, value, bytes));
}

cublasStatus_t cublasLtMatmulPreferenceInit(cublasLtMatmulPreference_t preference) {
    *preference = {0, 7, {256, 256, 256, 256}};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    std::size_t bytes) {
    switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return status_of(set(preference->workspace_bytes, value, bytes));
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        return status_of(set(preference->reduction_schemes, value, bytes));
    default:
        return status_of(
            set(preference->alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, bytes));
    }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t descriptor,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t* results, int* returned) {
    *returned = 0;
    if (handle == nullptr || requested < 1) return CUBLAS_STATUS_INVALID_VALUE;
    const bool aligned = *std::ranges::min_element(preference->alignment) >= 16;
    for (const std::uint64_t algorithm : Operands{*descriptor, *a, *b, *d}.ranking()) {
        if (*returned == requested) break;
        cublasLtMatmulHeuristicResult_t found{};
        const cublasLtMatmulAlgo_t candidate{{algorithm}};
        if (cublasLtMatmulAlgoCheck(handle, descriptor, a, b, c, d, &candidate, &found) != CUBLAS_STATUS_SUCCESS)
            continue;
        const bool splits = (preference->reduction_schemes & CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) != 0;
        const bool allowed = (aligned || !needs_alignment(algorithm)) && (splits || algorithm != kSplit) &&
                             found.workspaceSize <= preference->workspace_bytes;
        if (!allowed) continue;
        results[(*returned)++] = found;
    }
    return *returned > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t descriptor, cublasLtMatrixLayout_t a,
                                       cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t* algorithm, cublasLtMatmulHeuristicResult_t* result) {
    const Operands operands{*descriptor, *a, *b, *d};
    const bool same = std::memcmp(c, d, sizeof *c) == 0;
    if (!operands.fit() || !same || !is_valid(*a) || !is_valid(*b) || !is_valid(*d)) return CUBLAS_STATUS_INVALID_VALUE;
    const std::uint64_t which = algorithm->data[0];
    if (!operands.suit(which)) return CUBLAS_STATUS_NOT_SUPPORTED;
    *result = {*algorithm, which == kSplit ? operands.split_workspace() : 0, CUBLAS_STATUS_SUCCESS, 1, {}};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t descriptor, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace, std::size_t workspace_bytes,
                              cudaStream_t stream) {
    const float d_factor = *static_cast<const float*>(beta);
    if (handle == nullptr || algorithm == nullptr || c != d || *static_cast<const float*>(alpha) != 1 ||
        (d_factor != 0 && d_factor != 1))
        return CUBLAS_STATUS_INVALID_VALUE;
    cublasLtMatmulHeuristicResult_t checked{};
    const cublasStatus_t status =
        cublasLtMatmulAlgoCheck(handle, descriptor, a_layout, b_layout, c_layout, d_layout, algorithm, &checked);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    const bool split = algorithm->data[0] == kSplit;
    const std::size_t alignment = needs_alignment(algorithm->data[0]) ? 16 : sizeof(float);
    const bool usable =
        is_usable(a, *a_layout, alignment) && is_usable(b, *b_layout, alignment) &&
        is_usable(d, *d_layout, alignment) &&
        (!split || (checked.workspaceSize <= workspace_bytes && is_device_memory(workspace, checked.workspaceSize)));
    if (!usable) return CUBLAS_STATUS_INVALID_VALUE;
    const Product product{*descriptor,
                          static_cast<const float*>(a),
                          static_cast<const float*>(b),
                          static_cast<float*>(d),
                          *a_layout,
                          *b_layout,
                          *d_layout,
                          split ? static_cast<float*>(workspace) : nullptr,
                          algorithm->data[0],
                          d_factor == 1};
    enqueue(stream, [product] { product.run(); });
    return CUBLAS_STATUS_SUCCESS;
}
