// See instance_staging.h.
#include "runtime/instance_staging.h"

#include <utility>

#include "planner/plan.h"

namespace tensile {

namespace {

std::uint64_t total_bytes(std::span<const TensorView> views) {
    std::uint64_t bytes = 0;
    for (const TensorView& view : views)
        bytes += aligned_size(view.type.bytes());
    return bytes;
}

// One after another from `next` on.
std::vector<TensorView> views_at(std::span<const TensorView> views, std::byte*& next) {
    std::vector<TensorView> placed;
    for (const TensorView& view : views) {
        placed.push_back({next, view.type, view.extent});
        next += aligned_size(view.type.bytes());
    }
    return placed;
}

std::vector<std::byte*> addresses_of(std::span<const TensorView> views) {
    std::vector<std::byte*> addresses;
    for (const TensorView& view : views)
        addresses.push_back(view.as<std::byte>());
    return addresses;
}

}  // namespace

InstanceStaging::InstanceStaging(DeviceBridge& bridge, std::span<const TensorView> inputs,
                                 std::span<const TensorView> outputs, const std::string& owner)
    : buffer_(bridge.arena().take(total_bytes(inputs) + total_bytes(outputs), owner)) {
    std::byte* next = buffer_.data();
    inputs_ = views_at(inputs, next);
    outputs_ = views_at(outputs, next);
    set_device_addresses(inputs, outputs);
}

void InstanceStaging::set_device_addresses(std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
    device_inputs_ = addresses_of(inputs);
    device_outputs_ = addresses_of(outputs);
}

void InstanceStaging::copy_inputs(Stream& stream) const {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
        stream.copy(device_inputs_[i], inputs_[i].as<std::byte>(), inputs_[i].type.bytes());
}

void InstanceStaging::copy_outputs(Stream& stream, std::span<const std::int64_t> extents) const {
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        const TensorType& type = outputs_[i].type;
        std::size_t bytes = type.bytes();
        if (type.shape.is_bounded())
            bytes = static_cast<std::size_t>(extents[static_cast<std::size_t>(type.shape.extent_slot())] *
                                             type.shape.row_width()) *
                    size_of(type.dtype);
        if (bytes > 0) stream.copy(outputs_[i].as<std::byte>(), device_outputs_[i], bytes);
    }
}

}  // namespace tensile
