// Products of row-major float matrices by cuBLASLt: one product, or a batch of them at fixed distances.
//
// The algorithm is chosen once, for the sizes at capacity, among those that give the same bits every time: the inner
// dimension is either not split, or its parts are added up in a fixed order. Sums are float32; operands are rounded to
// bf16 where the problem asks for it, and TensorFloat-32 is never used. Knows no op.
//
// Where a row must get the same bits whatever the number of rows is, there is one algorithm instead, chosen for sizes
// at which the number of rows is always the same. It does not split the inner dimension and needs no workspace, so each
// element is one sum in an order that the algorithm alone gives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

// Sizes at which the algorithm of a row-invariant problem must work, whatever the problem's own number of rows is; none
// for another problem. `shape_of`: the product for a number of rows of the problem. The algorithm is what the library
// would take for the first. 256 rows is that one because it is the capacity between those of a single prediction and of
// a long scan: its tiles are not made for a vector, nor does a vector leave most of them empty.
template <typename ShapeOf>
std::vector<ProductShape> invariant_sizes(const OpProblem& problem, const ShapeOf& shape_of) {
    if (!problem.row_invariant) return {};
    return {shape_of(256), shape_of(1), shape_of(2), shape_of(17), shape_of(4096)};
}

class LibraryProduct {
  public:
    static constexpr std::size_t kChoiceBytes = 2 * sizeof(cublasLtMatmulAlgo_t);

    // `problem` gives precision and choice; `sizes`: invariant_sizes(). Throws PluginError (TENSILE_UNSUPPORTED) where
    // the library has no algorithm, or none that keeps a row-invariant problem's promise.
    LibraryProduct(const DeviceContext& device, const OpProblem& problem, const ProductShape& capacity,
                   std::span<const ProductShape> sizes);

    const ProductShape& capacity() const { return capacity_; }
    std::size_t scratch_bytes() const { return workspace_bytes_; }
    std::span<const std::uint8_t> choice() const;
    // `present`: the capacity with rows, inner dimension or batch as they are now. Without terms, a y without gaps is
    // filled with zeros. Operands of a row-invariant product are 16-byte aligned (PluginError, TENSILE_INVALID).
    void launch(const StreamContext& stream, const float* a, const float* b, float* y, std::byte* scratch,
                const ProductShape& present) const;
    // The same, added to what y holds.
    void launch_added(const StreamContext& stream, const float* a, const float* b, float* y, std::byte* scratch,
                      const ProductShape& present) const;

  private:
    struct Description;
    bool reuse(const DeviceContext& device, Description& capacity, std::span<const std::uint8_t> choice);
    void choose(const DeviceContext& device, Description& capacity);
    void choose_invariant(const DeviceContext& device, Description& capacity, std::span<const ProductShape> sizes);
    void launch_batches(const StreamContext& stream, const float* a, const float* b, float* y, std::byte* scratch,
                        const ProductShape& present, float y_factor) const;
    void launch_batch(const StreamContext& stream, const float* a, const float* b, float* y, std::byte* scratch,
                      const ProductShape& present, float y_factor) const;

    ProductShape capacity_;
    cublasComputeType_t compute_;
    // The fast one, and one for operands that are less aligned and for sizes at which the fast one does not work; twice
    // the same one in a row-invariant product.
    std::array<cublasLtMatmulAlgo_t, 2> algorithms_{};
    std::size_t workspace_bytes_ = 0;
    bool row_invariant_;
};

}  // namespace tensile::cuda
