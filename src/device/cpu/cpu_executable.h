// A lowered program of the CPU, and its bindings to addresses.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device/cpu/tile_program.h"
#include "device/device.h"

namespace tensile {

class CpuExecutable final : public Executable {
  public:
    explicit CpuExecutable(TileProgram program);

    const LoweredProgram& lowered() const override { return program_->lowered; }
    std::unique_ptr<Binding> bind(std::span<std::byte* const> addresses) const override;

  private:
    std::shared_ptr<const TileProgram> program_;  // bindings keep it alive
};

class CpuBinding final : public Binding {
  public:
    CpuBinding(std::shared_ptr<const TileProgram> program, std::span<std::byte* const> addresses);

    void set_address(std::int32_t tensor, std::byte* address) override;

    const TileOp& op(int index) const { return program_->ops[static_cast<std::size_t>(index)]; }

    // Before an op is launched: lets its tensors know how many rows are present.
    void set_extents(const TileOp& op, std::span<const std::int64_t> extents);

    // Runs the tile at one position of a phase's order; false when the stop flag was seen between two steps.
    bool run_tile(const TileOp& op, const TilePhase& phase, std::int64_t position, int slot,
                  const LaunchContext& context) noexcept;

  private:
    // The tensors of one node, by position.
    struct NodeViews {
        std::vector<TensorView> inputs;
        std::vector<TensorView> outputs;
        std::byte* scratch = nullptr;
    };

    void run_step(const TileStep& step, const TileOp& op, std::int64_t begin, std::int64_t end, std::int64_t tile,
                  bool row_wise, int slot) noexcept;
    void zero_rows(const TileSection& section, std::int64_t begin, std::int64_t end) noexcept;

    std::shared_ptr<const TileProgram> program_;
    std::vector<std::byte*> addresses_;
    std::vector<NodeViews> nodes_;
    // oneDNN's objects by product and participant: products share nothing, participants neither.
    std::vector<std::vector<MatmulKernel::Workspace>> workspaces_;
};

}  // namespace tensile
