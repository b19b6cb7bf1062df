// A row-major matrix seen through its transpose flag, for reference kernels of products.
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

}  // namespace tensile::ops
