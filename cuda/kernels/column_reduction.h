// Reductions over the rows of a matrix, column by column, in a fixed order. Knows no op: what is added up, and what
// becomes of it, are the reduction's.
//
// A block owns some columns side by side and a range of rows. Its threads stand below each other in lanes; a lane takes
// every lanes-th row, kChunk of them at a time so that their loads overlap, and the lanes are merged by a tree in
// shared memory. Where there are several ranges of rows, their states go to scratch and a second kernel merges them.
// The cut depends on the shape at capacity alone, so bits do not depend on the device or on how blocks are scheduled.
//
// A reduction is a type R, handed to the kernels by value, with
//   kTerms                                        values that one row gives for a column
//   State                                         what the rows so far amount to, made of State::kFloats floats
//   void load(row, column, float* terms) const    the terms of a present row
//   void finish(column, const State&) const       writes the results of a column
// and State with
//   State()                                       of no rows
//   static State of(const float (&terms)[kChunk][kTerms], int count)   of the first `count` rows; the others are 0
//   void merge(const State& later)                adds the rows behind its own
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/launch.h"

namespace tensile::cuda {

inline constexpr int kChunk = 8;

// Pairwise sums of kTerms values.
template <int kTerms>
struct Sums {
    static constexpr int kFloats = kTerms;
    float value[kTerms] = {};

    __device__ static Sums of(const float (&terms)[kChunk][kTerms], int) {
        Sums sums;
#pragma unroll
        for (int i = 0; i < kTerms; ++i)
            sums.value[i] = ((terms[0][i] + terms[1][i]) + (terms[2][i] + terms[3][i])) +
                            ((terms[4][i] + terms[5][i]) + (terms[6][i] + terms[7][i]));
        return sums;
    }
    __device__ void merge(const Sums& later) {
#pragma unroll
        for (int i = 0; i < kTerms; ++i)
            value[i] += later.value[i];
    }
};

// How a matrix is cut.
struct ColumnCut {
    std::int64_t columns = 0;
    std::int64_t rows_per_block = 1;
    std::int64_t row_blocks = 1;
    int block_columns = 1;  // a power of two

    ColumnCut(std::int64_t rows, std::int64_t columns_of_matrix) : columns(columns_of_matrix) {
        while (block_columns < kWarpThreads && block_columns < columns)
            block_columns *= 2;
        // As many blocks as fill a big device several times, each with some chunks for every lane.
        constexpr std::int64_t kBlocks = 1024;
        const std::int64_t step = std::int64_t{kBlockThreads / block_columns} * kChunk;
        const std::int64_t most = std::max<std::int64_t>(kBlocks / std::max<std::int64_t>(tiles(), 1), 1);
        const std::int64_t wanted = std::clamp<std::int64_t>(rows / (4 * step), 1, most);
        const std::int64_t steps = (rows + step - 1) / step;
        rows_per_block = std::max<std::int64_t>((steps + wanted - 1) / wanted, 1) * step;
        row_blocks = std::max<std::int64_t>((rows + rows_per_block - 1) / rows_per_block, 1);
    }
    std::int64_t tiles() const { return (columns + block_columns - 1) / block_columns; }
    template <typename Reduction>
    std::size_t scratch_bytes() const {
        if (row_blocks == 1) return 0;
        return static_cast<std::size_t>(row_blocks * columns) * Reduction::State::kFloats * sizeof(float);
    }
};

// A thread's place in a block of `columns` columns.
struct ColumnPlace {
    std::int64_t column;
    int lane;
    int lanes;

    __device__ explicit ColumnPlace(int columns)
        : column(static_cast<std::int64_t>(blockIdx.x) * columns + static_cast<int>(threadIdx.x) % columns),
          lane(static_cast<int>(threadIdx.x) / columns),
          lanes(kBlockThreads / columns) {}
};

// Merges the states of a column's lanes; the result is lane 0's. All threads of the block take part. `shared` has room
// for a state of each thread, float by float.
template <typename State>
__device__ void merge_lanes(State& state, const ColumnPlace& place, int columns, float* shared) {
    for (int lanes = place.lanes / 2; lanes > 0; lanes /= 2) {
        // Upper lanes hand over what the lower ones merge.
        if (place.lane >= lanes && place.lane < 2 * lanes) {
#pragma unroll
            for (int i = 0; i < State::kFloats; ++i)
                shared[i * kBlockThreads + static_cast<int>(threadIdx.x)] = state.value[i];
        }
        __syncthreads();
        if (place.lane < lanes) {
            State later;
#pragma unroll
            for (int i = 0; i < State::kFloats; ++i)
                later.value[i] = shared[i * kBlockThreads + static_cast<int>(threadIdx.x) + lanes * columns];
            state.merge(later);
        }
        __syncthreads();
    }
}

// Grid: column tiles by row blocks. `partial`: [row block][float of the state][column]; null: this block has all rows
// and finishes.
template <typename Reduction>
__global__ void reduce_row_blocks(Reduction reduction, ColumnCut cut, std::int64_t rows, float* partial) {
    using State = typename Reduction::State;
    __shared__ float shared[State::kFloats * kBlockThreads];
    const ColumnPlace place(cut.block_columns);
    const std::int64_t begin = static_cast<std::int64_t>(blockIdx.y) * cut.rows_per_block;
    const std::int64_t end = begin + cut.rows_per_block < rows ? begin + cut.rows_per_block : rows;
    const bool exists = place.column < cut.columns;
    State state;
    for (std::int64_t first = begin + place.lane; exists && first < end; first += kChunk * place.lanes) {
        float terms[kChunk][Reduction::kTerms] = {};
        int count = 0;
#pragma unroll
        for (int k = 0; k < kChunk; ++k) {
            const std::int64_t row = first + k * place.lanes;
            if (row < end) {
                reduction.load(row, place.column, terms[k]);
                ++count;
            }
        }
        state.merge(State::of(terms, count));
    }
    merge_lanes(state, place, cut.block_columns, shared);
    if (!exists || place.lane > 0) return;
    if (partial == nullptr) {
        reduction.finish(place.column, state);
    } else {
#pragma unroll
        for (int i = 0; i < State::kFloats; ++i)
            partial[(blockIdx.y * State::kFloats + i) * cut.columns + place.column] = state.value[i];
    }
}

// Grid: column tiles.
template <typename Reduction>
__global__ void merge_row_blocks(Reduction reduction, ColumnCut cut, std::int64_t row_blocks, const float* partial) {
    using State = typename Reduction::State;
    __shared__ float shared[State::kFloats * kBlockThreads];
    const ColumnPlace place(cut.block_columns);
    const bool exists = place.column < cut.columns;
    State state;
    for (std::int64_t block = place.lane; exists && block < row_blocks; block += place.lanes) {
        State later;
#pragma unroll
        for (int i = 0; i < State::kFloats; ++i)
            later.value[i] = partial[(block * State::kFloats + i) * cut.columns + place.column];
        state.merge(later);
    }
    merge_lanes(state, place, cut.block_columns, shared);
    if (exists && place.lane == 0) reduction.finish(place.column, state);
}

// Over rows [0, rows), which may be none. `scratch`: cut.scratch_bytes<Reduction>().
template <typename Reduction>
void launch_column_reduction(const Reduction& reduction, const ColumnCut& cut, std::int64_t rows, std::byte* scratch,
                             cudaStream_t stream, const char* name) {
    if (cut.columns == 0) return;
    const auto tiles = static_cast<unsigned>(cut.tiles());
    if (cut.row_blocks == 1) {
        launch_kernel(&reduce_row_blocks<Reduction>, dim3(tiles), dim3(kBlockThreads), stream, name, reduction, cut,
                      rows, nullptr);
        return;
    }
    auto* partial = reinterpret_cast<float*>(scratch);
    const std::int64_t present = (rows + cut.rows_per_block - 1) / cut.rows_per_block;
    if (present > 0)
        launch_kernel(&reduce_row_blocks<Reduction>, dim3(tiles, static_cast<unsigned>(present)), dim3(kBlockThreads),
                      stream, name, reduction, cut, rows, partial);
    launch_kernel(&merge_row_blocks<Reduction>, dim3(tiles), dim3(kBlockThreads), stream, name, reduction, cut, present,
                  partial);
}

}  // namespace tensile::cuda
