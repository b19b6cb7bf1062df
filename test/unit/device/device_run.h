// Runs one program on a device without runtime or pool: each tensor in a buffer of its own between guard zones, filled
// with NaN patterns before the first run, so that a kernel that writes outside its buffer or reads what nobody wrote is
// seen. On an asynchronous device the tensors lie in its slab, and run() takes what the host holds there and brings it
// back.
#pragma once

#include <cstring>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/device.h"
#include "graph/program.h"

namespace tensile::test {

class DeviceRun {
  public:
    // `slab`: of an asynchronous device, room for all tensors.
    DeviceRun(Device& device, const Program& program, const LoweringOptions& options = {},
              StreamPriority priority = StreamPriority::kTraining, std::span<std::byte> slab = {});

    Executable& executable() { return *executable_; }
    const LoweredProgram& lowered() const { return executable_->lowered(); }
    Stream& stream() { return *stream_; }

    // The buffer of an input or variable.
    TensorView tensor(const std::string& name);
    // The buffer of an output, with the extent of the last run.
    TensorView output(const std::string& name);
    void set_extent(const std::string& name, std::int64_t extent);

    // Copy everything between host and slab, and wait.
    void upload();
    void download();

    // Of a synchronous device: moves each tensor that `op` uses to fresh memory, content included, and leaves rubbish
    // at the old place.
    void move_tensors_of(int op);
    LaunchStatus launch(int op, const StopFlag* stop = nullptr);
    // Runs all ops; stops at the first that does not complete.
    LaunchStatus run(const StopFlag* stop = nullptr);
    // The same as one sequence of ops.
    LaunchStatus run_sequence(const StopFlag* stop = nullptr);
    // Of an asynchronous device: lets all tensors lie there, as after the next upload(); room as for the slab.
    void move_to(std::span<std::byte> slab);
    // Names of tensors whose guard zones have been written to.
    std::vector<std::string> damaged_guards() const;

  private:
    static constexpr std::size_t kGuard = 256;
    TensorView view(ValueId id);

    const Program& program_;
    std::unique_ptr<Executable> executable_;
    std::unique_ptr<Stream> stream_;
    std::unique_ptr<Binding> binding_;
    std::vector<std::byte> memory_;
    std::list<std::vector<std::byte>> moved_;
    std::byte* slab_ = nullptr;          // null: of a synchronous device
    std::vector<std::byte*> addresses_;  // of the host
    std::vector<std::int64_t> extents_;
    std::vector<std::int32_t> sequence_;  // all ops
};

}  // namespace tensile::test
