// How the threads of a grid share out elements, and the vectors that they move them in. Device code only; knows no ops.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/launch.h"

namespace tensile::cuda {

// Neighbouring elements that one thread moves by one instruction.
template <typename T, int kElements>
struct alignas(sizeof(T) * kElements) Vector {
    T values[kElements];
};

// Elements of a vector: 16 bytes of floats are the widest that a thread can load at once.
inline constexpr int kVectorElements = 4;

// Whether vectors of T may be read and written from `address` on. Operands begin at 64 bytes, but slices of them may
// begin anywhere.
template <typename T>
bool is_vector_aligned(const T* address) {
    return reinterpret_cast<std::uintptr_t>(address) % sizeof(Vector<T, kVectorElements>) == 0;
}

// This thread's place in the grid, and the number of threads: both below 2^32.
__device__ inline std::uint32_t grid_thread() {
    return blockIdx.x * blockDim.x + threadIdx.x;
}
__device__ inline std::uint32_t grid_threads() {
    return gridDim.x * blockDim.x;
}

// Walks over a row-major matrix with one thread an element: from this thread's first element in steps of the grid.
// Keeps row and column apart so that the loop needs no division.
class RowWalk {
  public:
    __device__ explicit RowWalk(std::int64_t width) : width_(width) {
        split(grid_thread(), row, column);
        split(grid_threads(), row_step_, column_step_);
    }
    __device__ void advance() {
        row += row_step_;
        column += column_step_;
        if (column >= width_) {
            column -= width_;
            ++row;
        }
    }

    std::int64_t row;
    std::int64_t column;

  private:
    // With a width of 0 there is nothing to walk over, and every row counts as beyond the end.
    __device__ void split(std::uint32_t index, std::int64_t& rows, std::int64_t& columns) const {
        if (index < width_) {
            rows = 0;
            columns = index;
        } else if (width_ == 0) {
            rows = INT64_MAX / 2;
            columns = 0;
        } else {
            rows = index / static_cast<std::uint32_t>(width_);
            columns = index % static_cast<std::uint32_t>(width_);
        }
    }

    std::int64_t width_;
    std::int64_t row_step_ = 0;
    std::int64_t column_step_ = 0;
};

}  // namespace tensile::cuda
