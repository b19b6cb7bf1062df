// A lowered program of a CUDA device, and its bindings to addresses.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device/cuda/cuda_graphs.h"
#include "device/cuda/cuda_program.h"
#include "device/device.h"

namespace tensile {

class CudaExecutable final : public Executable {
  public:
    explicit CudaExecutable(CudaProgram program) : program_(std::make_shared<const CudaProgram>(std::move(program))) {}

    const LoweredProgram& lowered() const override { return program_->lowered; }
    std::unique_ptr<Binding> bind(std::span<std::byte* const> addresses) const override;

  private:
    std::shared_ptr<const CudaProgram> program_;  // bindings keep it alive
};

class CudaBinding final : public Binding {
  public:
    CudaBinding(std::shared_ptr<const CudaProgram> program, std::span<std::byte* const> addresses);

    void set_address(std::int32_t tensor, std::byte* address) override;

    const CudaOp& op(std::int32_t index) const { return program_->ops[static_cast<std::size_t>(index)]; }
    // Enqueues one op.
    void launch(const CudaOp& op, TensileStream* stream, std::span<const std::int64_t> extents) const;
    // See CudaGraphs.
    TensileGraph* graph_for(std::span<const std::int32_t> ops, std::span<const std::int64_t> extents,
                            TensileStream* stream) {
        return graphs_.graph_for(*program_, pointers_, ops, extents, stream);
    }

  private:
    std::shared_ptr<const CudaProgram> program_;
    std::vector<void*> pointers_;  // see CudaOp
    CudaGraphs graphs_;            // goes before the program, whose context it uses
};

}  // namespace tensile
