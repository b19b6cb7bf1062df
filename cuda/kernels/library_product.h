// Products of row-major float matrices by cuBLASLt: one product, or a batch of them at fixed distances.
//
// The algorithm is chosen once, for the sizes at capacity, among those that give the same bits every time: the inner
// dimension is either not split, or its parts are added up in a fixed order. Sums are float32; operands are rounded to
// bf16 where the problem asks for it, and TensorFloat-32 is never used. Knows no op.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cuda/kernel.h"

namespace tensile::cuda {

// y [rows, columns] = op(a) op(b), where op(a) is [rows, inner] and op(b) is [inner, columns], transposed as stored
// where so marked.
struct ProductShape {
    std::int64_t rows = 0;
    std::int64_t inner = 0;
    std::int64_t columns = 0;
    bool transpose_a = false;
    bool transpose_b = false;
    // Elements from one stored row to the next.
    std::int64_t a_width = 0;
    std::int64_t b_width = 0;
    std::int64_t y_width = 0;
    // Products of a batch, and elements from one operand to the next.
    std::int64_t batch = 1;
    std::int64_t a_stride = 0;
    std::int64_t b_stride = 0;
    std::int64_t y_stride = 0;

    // With rows that follow one another without gaps.
    static ProductShape dense(std::int64_t rows, std::int64_t inner, std::int64_t columns, bool transpose_a,
                              bool transpose_b);
    bool operator==(const ProductShape&) const = default;
};

class LibraryProduct {
  public:
    static constexpr std::size_t kChoiceBytes = 2 * sizeof(cublasLtMatmulAlgo_t);

    // `choice`: of an earlier product of the same shape, or empty.
    LibraryProduct(const DeviceContext& device, const ProductShape& capacity, TensilePrecision precision,
                   std::span<const std::uint8_t> choice);

    const ProductShape& capacity() const { return capacity_; }
    std::size_t scratch_bytes() const { return workspace_bytes_; }
    std::span<const std::uint8_t> choice() const;
    // `present`: the capacity with rows, inner dimension or batch as they are now. Without terms, a y without gaps is
    // filled with zeros.
    void launch(const StreamContext& stream, const float* a, const float* b, float* y, std::byte* scratch,
                const ProductShape& present) const;
    // The same, added to what y holds.
    void launch_added(const StreamContext& stream, const float* a, const float* b, float* y, std::byte* scratch,
                      const ProductShape& present) const;

  private:
    struct Description;
    bool reuse(const DeviceContext& device, Description& capacity, std::span<const std::uint8_t> choice);
    void choose(const DeviceContext& device, Description& capacity);
    void launch_batches(const StreamContext& stream, const float* a, const float* b, float* y, std::byte* scratch,
                        const ProductShape& present, float y_factor) const;
    void launch_batch(const StreamContext& stream, const float* a, const float* b, float* y, std::byte* scratch,
                      const ProductShape& present, float y_factor) const;

    ProductShape capacity_;
    cublasComputeType_t compute_;
    // The fast one, and one for operands that are less aligned and for sizes at which the fast one does not work.
    std::array<cublasLtMatmulAlgo_t, 2> algorithms_{};
    std::size_t workspace_bytes_ = 0;
};

}  // namespace tensile::cuda
