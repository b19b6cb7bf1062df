// A matrix product cut into tiles: which blocks there are, the prepared products of each block size, and the packing of
// operands that are not dense. Several independent products of the same shape may be one problem; its tiles then run
// through all of them. All of it is decided from shapes. oneDNN's fast and malloc-free kernels take dense
// row-major operands only (others fall to its sgemm, which allocates megabytes behind our back), so a transposed left
// operand and column blocks are packed into scratch first. Knows no programs and no threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/cpu/product_kernel.h"

namespace tensile {

// y [rows, columns] = op(a) op(b) with `inner` terms each, `groups` times with operands that follow one another.
struct MatmulProblem {
    std::int64_t rows = 0;
    std::int64_t inner = 0;
    std::int64_t columns = 0;
    bool transpose_a = false;
    bool transpose_b = false;
    std::int64_t groups = 1;

    // Of one group.
    double flops() const {
        return 2.0 * static_cast<double>(rows) * static_cast<double>(inner) * static_cast<double>(columns);
    }
};

// Sizes of the blocks of one tile; the last block of each dimension may be smaller.
struct MatmulBlocks {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t inner = 0;
};

// Whole rows, for a product in a row-wise tile group.
MatmulBlocks row_tile_blocks(const MatmulProblem& problem, std::int64_t rows);
// Both dimensions of y, for a product that is a tile group by itself: at least eight tiles where they stay worth their
// cost, none over 5 ms.
MatmulBlocks output_blocks(const MatmulProblem& problem);
// How many of these blocks, of one group or of neighbouring ones, a thread should take at a time: small ones are not
// worth claiming alone.
std::int64_t blocks_at_a_time(const MatmulProblem& problem, const MatmulBlocks& blocks);

class MatmulKernel final : public ProductKernel {
  public:
    MatmulKernel(const OnednnLibrary& library, const MatmulProblem& problem, const MatmulBlocks& blocks);

    const MatmulProblem& problem() const { return problem_; }
    // Tiles of y, group by group, row blocks first.
    std::int64_t tiles() const override { return problem_.groups * row_blocks_ * column_blocks_; }
    bool sums_over_rows() const override { return problem_.transpose_a; }
    std::int64_t first_row(std::int64_t tile) const { return tile % row_blocks_ * blocks_.rows; }

    // Computes one tile of y. Terms at or beyond `present_inner` count as zero provided that b's rows there are finite;
    // rows of y at or beyond `present_rows` get zeros.
    void run(std::int64_t tile, const Operands& operands, Workspace& workspace,
             std::byte* scratch) const noexcept override;

  private:
    MatmulProblem problem_;
    MatmulBlocks blocks_;
    std::int64_t row_blocks_ = 1;
    std::int64_t column_blocks_ = 1;
    bool pack_a_ = false;
    bool pack_b_ = false;
    bool pack_y_ = false;
    std::size_t b_offset_ = 0;
    std::size_t y_offset_ = 0;
};

}  // namespace tensile
