// The common side of kernels that are made of oneDNN's matrix products: the products prepared for each block size, the
// objects that one participant needs to run them, and the scratch that goes with it. Derived kernels decide how the
// work is cut into tiles and bring their operands into dense row-major form. Knows no programs and no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "device/cpu/onednn_matmul.h"

namespace tensile {

class ProductKernel {
  public:
    virtual ~ProductKernel() = default;

    virtual std::int64_t tiles() const = 0;
    // Whether the rows of both operands are what it sums over.
    virtual bool sums_over_rows() const { return false; }
    // Scratch of one participant.
    std::size_t scratch_bytes() const { return scratch_bytes_; }

    // The calls of one participant.
    using Workspace = std::vector<OnednnMatmul::Call>;
    Workspace make_workspace() const;

    struct Operands {
        const float* a;
        const float* b;
        float* y;
        // Terms present where the reduction is over a bounded dimension, and rows of y present.
        std::int64_t present_inner = std::numeric_limits<std::int64_t>::max();
        std::int64_t present_rows = std::numeric_limits<std::int64_t>::max();
        std::byte* shared = nullptr;  // scratch of the node, common to all its tiles
    };
    // Computes one tile.
    virtual void run(std::int64_t tile, const Operands& operands, Workspace& workspace,
                     std::byte* scratch) const noexcept = 0;

  protected:
    static constexpr std::size_t kAlignment = 64;
    static std::size_t aligned_bytes(std::int64_t floats) {
        const std::size_t bytes = static_cast<std::size_t>(floats) * sizeof(float);
        return (bytes + kAlignment - 1) / kAlignment * kAlignment;
    }
    // The sizes of blocks that cover `whole`: the block, and the rest if there is one.
    static std::vector<std::int64_t> block_sizes(std::int64_t whole, std::int64_t block);

    // In the constructor: every product that run() will ask for, once each; then the scratch of the kernel's own.
    void prepare(const OnednnLibrary& library, const MatmulShape& shape);
    void set_own_scratch(std::size_t bytes);

    // y = a b, or y += a b, by the product prepared for that shape.
    void multiply(const MatmulShape& shape, const float* a, const float* b, float* y, Workspace& workspace,
                  std::byte* scratch) const noexcept;

  private:
    std::vector<OnednnMatmul> products_;
    std::size_t onednn_offset_ = 0;
    std::size_t scratch_bytes_ = 0;
};

}  // namespace tensile
