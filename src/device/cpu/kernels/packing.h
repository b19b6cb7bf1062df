// Bringing a block of a matrix into dense row-major form for the matrix product.
#pragma once

#include <cstdint>

namespace tensile {

// to [columns, inner] = transpose of `from` [inner, columns], whose rows are `stride` elements apart. Rows of `from` at
// or beyond `present` are not read; zeros stand for them.
void pack_transposed(const float* from, std::int64_t stride, std::int64_t inner, std::int64_t columns,
                     std::int64_t present, float* to) noexcept;

// to = from, row by row; strides in elements.
void copy_block(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns, float* to,
                std::int64_t to_stride) noexcept;

}  // namespace tensile
