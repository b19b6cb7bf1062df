// Threads that share a row: how ops that reduce along rows (softmax, layer normalisation) cut a block, and which form
// of their kernels fits a width. Knows no op.
//
// Up to kWidestKeptRow columns a row is read once and kept in registers; a narrow one belongs to part of a warp, a
// broader one to a warp, a wide one to a block. Wider rows are read again for each step.
#pragma once

#include <cstdint>

#include "cuda/launch.h"

namespace tensile::cuda {

inline constexpr int kWarps = kBlockThreads / kWarpThreads;
inline constexpr unsigned kFullWarp = 0xffffffffU;

struct Sum {
    __device__ float operator()(float a, float b) const { return a + b; }
};
// Of numbers: a NaN gets lost.
struct Greatest {
    __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

// `kThreads` is a power of two up to a warp, or a block. All threads of the block make one and reduce together, also
// those whose row does not exist.
template <int kThreads>
class RowGroup {
  public:
    static constexpr int kRows = kBlockThreads / kThreads;  // of a block

    // `shared`: kWarps floats of shared memory.
    __device__ explicit RowGroup(float* shared) : shared_(shared) {}
    __device__ int lane() const { return static_cast<int>(threadIdx.x) % kThreads; }
    __device__ std::int64_t row() const {
        return static_cast<std::int64_t>(blockIdx.x) * kRows + static_cast<int>(threadIdx.x) / kThreads;
    }

    // Of the values of all threads of the row; the same bits in each. The order is that of a fixed tree.
    template <typename Combine>
    __device__ float reduce(float value, Combine combine) const {
        constexpr int kLanes = kThreads < kWarpThreads ? kThreads : kWarpThreads;
        for (int offset = kLanes / 2; offset > 0; offset /= 2)
            value = combine(value, __shfl_xor_sync(kFullWarp, value, offset));
        if constexpr (kThreads > kWarpThreads) {
            static_assert(kThreads == kBlockThreads);
            if (threadIdx.x % kWarpThreads == 0) shared_[threadIdx.x / kWarpThreads] = value;
            __syncthreads();
            value = shared_[0];
            for (int warp = 1; warp < kWarps; ++warp)
                value = combine(value, shared_[warp]);
            __syncthreads();
        }
        return value;
    }

  private:
    float* shared_;
};

template <int kThreads>
dim3 blocks_of_rows(std::int64_t rows) {
    constexpr std::int64_t kRows = RowGroup<kThreads>::kRows;
    return dim3(static_cast<unsigned>((rows + kRows - 1) / kRows));
}

inline constexpr std::int64_t kWidestKeptRow = 16 * kBlockThreads;

// Calls launch.operator()<kThreads, kValues>() for rows of `width` columns: kThreads threads share a row, and each
// keeps kValues of it in registers, every kThreads-th; kValues 0: the row does not fit.
template <typename Launch>
void with_row_form(std::int64_t width, const Launch& launch) {
    if (width <= 4) {
        launch.template operator()<4, 1>();
    } else if (width <= 16) {
        launch.template operator()<16, 1>();
    } else if (width <= 32) {
        launch.template operator()<32, 1>();
    } else if (width <= 128) {
        launch.template operator()<32, 4>();
    } else if (width <= 512) {
        launch.template operator()<32, 16>();
    } else if (width <= 4 * kBlockThreads) {
        launch.template operator()<kBlockThreads, 4>();
    } else if (width <= kWidestKeptRow) {
        launch.template operator()<kBlockThreads, 16>();
    } else {
        launch.template operator()<kBlockThreads, 0>();
    }
}

}  // namespace tensile::cuda
