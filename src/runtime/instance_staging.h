// The inputs and outputs of one program instance on an asynchronous device as the host sees them: buffers in the pinned
// arena (plain memory when that is full) that a run copies in at its beginning and out at its end. Copies nothing by
// itself; knows no plans.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "device/device.h"
#include "memory/device_bridge.h"
#include "memory/pinned_arena.h"

namespace tensile {

class InstanceStaging {
  public:
    // By program input and output: views of whole buffers, whose addresses are on the device.
    InstanceStaging(DeviceBridge& bridge, std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                    const std::string& owner);

    // The same at host addresses.
    const std::vector<TensorView>& inputs() const { return inputs_; }
    const std::vector<TensorView>& outputs() const { return outputs_; }

    // Where the buffers are on the device from now on.
    void set_device_addresses(std::span<const TensorView> inputs, std::span<const TensorView> outputs);

    // Enqueue all copies in; all copies out, of bounded outputs the rows below their slots of `extents`. The host
    // buffers stay as they are until these are complete.
    void copy_inputs(Stream& stream) const;
    void copy_outputs(Stream& stream, std::span<const std::int64_t> extents) const;

  private:
    HostBuffer buffer_;
    std::vector<TensorView> inputs_;
    std::vector<TensorView> outputs_;
    std::vector<std::byte*> device_inputs_;
    std::vector<std::byte*> device_outputs_;
};

}  // namespace tensile
