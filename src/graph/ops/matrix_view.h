// A row-major matrix seen through its transpose flag, and the product of two, for reference kernels.
#pragma once

#include <cstdint>

namespace tensile::ops {

template <typename T>
struct MatrixView {
    const T* data;
    std::int64_t width;  // columns as stored
    bool transposed;

    T operator()(std::int64_t row, std::int64_t column) const {
        return transposed ? data[column * width + row] : data[row * width + column];
    }
};

// y [rows, columns] = a b, with `inner` terms each, summed in order.
template <typename T>
void multiply_matrices(const MatrixView<T>& a, const MatrixView<T>& b, std::int64_t rows, std::int64_t inner,
                       std::int64_t columns, T* y) {
    for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
            T sum = 0;
            for (std::int64_t k = 0; k < inner; ++k)
                sum += a(i, k) * b(k, j);
            y[i * columns + j] = sum;
        }
    }
}

}  // namespace tensile::ops
