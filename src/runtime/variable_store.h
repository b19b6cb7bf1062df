// The content of a job's variables where a layout has it: in the job's state or in its host store. Used between steps.
#pragma once

#include <cstddef>
#include <span>

#include "device/device.h"
#include "memory/device_bridge.h"
#include "memory/host_store.h"
#include "runtime/job_layout.h"

namespace tensile {

class VariableStore {
  public:
    // All outlive the store; `host` may be null where the layout has no host copies, `bridge` is null on a synchronous
    // device.
    VariableStore(Device& device, DeviceBridge* bridge, const JobLayout& layout, std::span<const VariablePiece> pieces,
                  std::byte* state, HostStore* host);

    // Whether initialize() writes where the variable lies, and needs no staging.
    bool is_written_in_place(const PieceRange& range) const;
    // Writes the initial content of one variable; `staging` is memory of the host, has room for it and is aligned for
    // copies.
    void initialize(const Variable& variable, const PieceRange& range, std::byte* staging);
    // Content of one piece from its beginning on.
    void read(std::size_t piece, std::span<std::byte> to);
    // Copies all variables to where another layout of the same pieces has them; kStopped when `stop` was set before the
    // end.
    LaunchStatus copy_to(VariableStore& other, const StopFlag* stop);

  private:
    bool is_resident(std::size_t piece) const { return layout_.homes[piece].home == Home::kResident; }
    std::byte* address(std::size_t piece) const { return state_ + layout_.homes[piece].offset; }
    void write(std::size_t piece, const std::byte* from);
    // `bytes` of the piece from `offset`, between its home and a staging buffer; at most one kCopyPiece.
    void read_part(std::size_t piece, std::uint64_t offset, std::span<std::byte> staging);
    void write_part(std::size_t piece, std::uint64_t offset, std::span<const std::byte> staging);
    void write_state(std::byte* to, std::span<const std::byte> from);
    void read_state(std::span<std::byte> to, const std::byte* from);
    void move_state(std::byte* to, const std::byte* from, std::size_t bytes);
    void copy(std::byte* to, const std::byte* from, std::size_t bytes);

    const JobLayout& layout_;
    std::span<const VariablePiece> pieces_;
    std::byte* state_;
    HostStore* host_;
    DeviceBridge* bridge_;            // of an asynchronous device
    std::unique_ptr<Stream> stream_;  // of a synchronous one
};

}  // namespace tensile
