// Runs one program on a device whose memory the host cannot touch, without runtime or pool: all tensors lie in one
// range of the device between guard zones, filled with NaN patterns, and a host copy of the range goes there and back
// with every run. The asynchronous counterpart of unit/device/device_run.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"
#include "graph/program.h"

namespace tensile::test {

// Device memory that one run after another uses.
struct DeviceRange {
    std::byte* begin = nullptr;
    std::size_t bytes = 0;
};

class StagedRun {
  public:
    // Throws InternalError when the program's tensors do not fit the range.
    StagedRun(Device& device, const DeviceRange& range, const Program& program, const LoweringOptions& options = {});

    // Host copies: of an input or variable, to be written before run(); of an output, as of the last run.
    TensorView tensor(const std::string& name);
    TensorView output(const std::string& name);
    void set_extent(const std::string& name, std::int64_t extent);

    void run();
    // Names of tensors whose guard zones have been written to.
    std::vector<std::string> damaged_guards() const;

  private:
    static constexpr std::size_t kGuard = 256;
    TensorView view(ValueId id);
    const LoweredProgram& lowered() const { return executable_->lowered(); }

    const Program& program_;
    std::unique_ptr<Executable> executable_;
    std::unique_ptr<Stream> stream_;
    std::unique_ptr<Binding> binding_;
    std::byte* range_;
    std::vector<std::byte> image_;     // host copy of the range
    std::vector<std::size_t> places_;  // of lowered tensors in the range
    std::vector<std::int64_t> extents_;
};

}  // namespace tensile::test
