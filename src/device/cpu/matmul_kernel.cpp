#include "device/cpu/matmul_kernel.h"

#include <algorithm>

#include "device/cpu/kernels/packing.h"

namespace tensile {

namespace {

constexpr std::int64_t divide_up(std::int64_t value, std::int64_t by) {
    return (value + by - 1) / by;
}

// A longer reduction is cut into pieces added up in order, so that packed operands stay in the second-level cache.
constexpr std::int64_t kInnerBlock = 256;
// Wider results are cut into column blocks.
constexpr std::int64_t kWidestBlock = 1024;
constexpr std::int64_t kColumnBlock = 512;
constexpr std::int64_t kNarrowestBlock = 64;
constexpr std::int64_t kMostRows = 64;
constexpr std::int64_t kWantedTiles = 8;
// 5 ms at 80 Gflop/s: the stop flag is read between tiles.
constexpr double kMostFlopsPerTile = 400e6;
// 20 us; a call of oneDNN's takes about 1 us whatever it computes.
constexpr double kFewestFlopsPerTile = 1.6e6;
constexpr double kFlopsPerCall = 80e3;

}  // namespace

MatmulBlocks row_tile_blocks(const MatmulProblem& problem, std::int64_t rows) {
    return {std::min(rows, problem.rows), problem.columns, problem.inner};
}

MatmulBlocks output_blocks(const MatmulProblem& problem) {
    MatmulBlocks blocks;
    blocks.columns = problem.columns <= kWidestBlock ? problem.columns : kColumnBlock;
    const double flops_per_column = 2.0 * kMostRows * static_cast<double>(problem.inner);
    while (blocks.columns > kNarrowestBlock &&
           flops_per_column * static_cast<double>(blocks.columns) > kMostFlopsPerTile)
        blocks.columns = std::max(blocks.columns / 2 / 16 * 16, kNarrowestBlock);
    // Pieces of a transposed b are dense only as wholes; of a plain a, packing them costs a copy.
    const bool cut_inner = !problem.transpose_b && problem.inner > kInnerBlock &&
                           (problem.transpose_a || blocks.columns < problem.columns);
    blocks.inner = cut_inner ? kInnerBlock : problem.inner;
    const std::int64_t column_blocks = divide_up(problem.columns, blocks.columns);
    blocks.rows = kMostRows;
    while (blocks.rows > 16 && problem.groups * divide_up(problem.rows, blocks.rows) * column_blocks < kWantedTiles)
        blocks.rows /= 2;
    blocks.rows = std::min(blocks.rows, problem.rows);
    return blocks;
}

std::int64_t blocks_at_a_time(const MatmulProblem& problem, const MatmulBlocks& blocks) {
    if (problem.groups == 1) return 1;
    const double flops = 2.0 * static_cast<double>(blocks.rows) * static_cast<double>(blocks.columns) *
                         static_cast<double>(problem.inner);
    const std::int64_t count =
        problem.groups * divide_up(problem.rows, blocks.rows) * divide_up(problem.columns, blocks.columns);
    const double worth_while = kFewestFlopsPerTile / (flops + kFlopsPerCall);
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(worth_while), 1,
                                    std::max<std::int64_t>(count / kWantedTiles, 1));
}

MatmulKernel::MatmulKernel(const OnednnLibrary& library, const MatmulProblem& problem, const MatmulBlocks& blocks)
    : problem_(problem), blocks_(blocks) {
    row_blocks_ = divide_up(problem.rows, blocks.rows);
    column_blocks_ = divide_up(problem.columns, blocks.columns);
    const bool cut_inner = blocks.inner < problem.inner;
    const bool cut_columns = blocks.columns < problem.columns;
    pack_a_ = problem.transpose_a || cut_inner;
    pack_b_ = problem.transpose_b ? cut_inner : cut_columns;
    pack_y_ = cut_columns;

    const auto prepare_block = [&](std::int64_t rows, std::int64_t inner, std::int64_t columns, bool accumulate) {
        prepare(library, {rows, inner, columns, problem.transpose_b, accumulate});
    };
    for (std::int64_t rows : block_sizes(problem.rows, blocks.rows))
        for (std::int64_t columns : block_sizes(problem.columns, blocks.columns))
            for (std::int64_t inner : block_sizes(problem.inner, blocks.inner)) {
                if (inner == blocks.inner) prepare_block(rows, inner, columns, false);
                if (cut_inner) prepare_block(rows, inner, columns, true);
            }

    b_offset_ = pack_a_ ? aligned_bytes(blocks.rows * blocks.inner) : 0;
    y_offset_ = b_offset_ + (pack_b_ ? aligned_bytes(blocks.inner * blocks.columns) : 0);
    set_own_scratch(y_offset_ + (pack_y_ ? aligned_bytes(blocks.rows * blocks.columns) : 0));
}

void MatmulKernel::run(std::int64_t tile, const Operands& operands, Workspace& workspace,
                       std::byte* scratch) const noexcept {
    const std::int64_t row = first_row(tile);
    const std::int64_t column = tile / row_blocks_ % column_blocks_ * blocks_.columns;
    const std::int64_t group = tile / (row_blocks_ * column_blocks_);
    const float* whole_a = operands.a + group * problem_.rows * problem_.inner;
    const float* whole_b = operands.b + group * problem_.inner * problem_.columns;
    const std::int64_t rows = std::min(blocks_.rows, problem_.rows - row);
    const std::int64_t columns = std::min(blocks_.columns, problem_.columns - column);
    float* target = operands.y + (group * problem_.rows + row) * problem_.columns + column;
    const std::int64_t present = std::clamp<std::int64_t>(operands.present_rows - row, 0, rows);
    auto* packed_a = reinterpret_cast<float*>(scratch);
    auto* packed_b = reinterpret_cast<float*>(scratch + b_offset_);
    float* y = pack_y_ ? reinterpret_cast<float*>(scratch + y_offset_) : target;

    for (std::int64_t first = 0; present > 0 && first < problem_.inner; first += blocks_.inner) {
        // Pieces of the reduction that are wholly absent add nothing; the first is computed so that y is written.
        if (first > 0 && first >= operands.present_inner) break;
        const std::int64_t inner = std::min(blocks_.inner, problem_.inner - first);

        const float* a = whole_a + row * problem_.inner + first;
        if (problem_.transpose_a) {
            pack_transposed(whole_a + first * problem_.rows + row, problem_.rows, inner, rows,
                            operands.present_inner - first, packed_a);
        } else if (pack_a_) {
            copy_block(a, problem_.inner, rows, inner, packed_a, inner);
        }
        const float* b = problem_.transpose_b ? whole_b + column * problem_.inner + first
                                              : whole_b + first * problem_.columns + column;
        if (pack_b_) {
            if (problem_.transpose_b)
                copy_block(b, problem_.inner, columns, inner, packed_b, inner);
            else
                copy_block(b, problem_.columns, inner, columns, packed_b, columns);
        }
        multiply({rows, inner, columns, problem_.transpose_b, first > 0}, pack_a_ ? packed_a : a,
                 pack_b_ ? packed_b : b, y, workspace, scratch);
    }
    if (pack_y_ && present > 0) copy_block(y, columns, rows, columns, target, problem_.columns);
    for (std::int64_t i = present; i < rows; ++i)
        std::fill_n(target + i * problem_.columns, columns, 0.0F);
}

}  // namespace tensile
