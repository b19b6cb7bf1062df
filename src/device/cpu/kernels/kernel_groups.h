// The kernel files: each adds its kernels, for the best instruction set of this machine, to the table. Also the tile
// sizes that several of them share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "device/cpu/tile_kernel.h"

namespace tensile {

void add_elementwise_kernels(KernelTable& table);
void add_activation_kernels(KernelTable& table);
void add_normalization_kernels(KernelTable& table);
void add_softmax_kernels(KernelTable& table);
void add_lstm_kernels(KernelTable& table);
void add_loss_kernels(KernelTable& table);
void add_reduction_kernels(KernelTable& table);
void add_narrow_product_kernels(KernelTable& table);
void add_optimizer_kernels(KernelTable& table);
void add_dropout_kernels(KernelTable& table);
void add_sparse_row_kernels(KernelTable& table);
void add_data_movement_kernels(KernelTable& table);
void add_pooling_kernels(KernelTable& table);
void add_mode_product_kernels(KernelTable& table);

// Elements of one tile of an elementwise pass over a few arrays: 5 to 20 us.
inline constexpr std::int64_t kElementsPerTile = 8192;
// Columns of one tile of a reduction over rows: four cache lines of each row.
inline constexpr std::int64_t kColumnsPerTile = 64;

// One phase over all elements of the first output.
inline KernelPlan elementwise_plan(const NodeTypes& node, TileFunction function) {
    return {{{function, node.outputs[0].shape.elements(), kElementsPerTile}}, 0};
}

// One phase over the columns of matrix `input`.
inline KernelPlan column_plan(const NodeTypes& node, std::size_t input, TileFunction function) {
    return {{{function, node.inputs[input].shape[1], kColumnsPerTile}}, 0};
}

// One tile that does everything.
inline KernelPlan single_tile_plan(TileFunction function) {
    return {{{function, 1, 1}}, 0};
}

}  // namespace tensile
