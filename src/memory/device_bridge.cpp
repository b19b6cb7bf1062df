// See device_bridge.h.
#include "memory/device_bridge.h"

#include <algorithm>

namespace tensile {

DeviceBridge::DeviceBridge(Device& device, HostBudget& budget, std::uint64_t pinned_bytes)
    : device_(device),
      arena_(device, budget, pinned_bytes),
      blocking_(device.create_stream(StreamClass::kCopyIn, StreamPriority::kPrediction)),
      streams_{device.create_stream(StreamClass::kCopyOut, StreamPriority::kTraining),
               device.create_stream(StreamClass::kCopyIn, StreamPriority::kTraining)} {}

DeviceBridge::~DeviceBridge() = default;

void DeviceBridge::copy(std::byte* to, const std::byte* from, std::size_t bytes) {
    if (bytes == 0) return;
    const std::scoped_lock lock(mutex_);
    blocking_->copy(to, from, bytes);
    blocking_->synchronize();
}

void DeviceBridge::write(std::byte* device, std::span<const std::byte> from) {
    copy(device, from.data(), from.size());
}

void DeviceBridge::read(std::span<std::byte> to, const std::byte* device) {
    copy(to.data(), device, to.size());
}

void DeviceBridge::move(std::byte* to, const std::byte* from, std::size_t bytes) {
    copy(to, from, bytes);
}

void DeviceBridge::measure_link(TensorPool& pool) {
    const std::uint64_t bytes = std::min({Link::kProbeBytes, pool.summary().largest_free, arena_.largest_free()});
    if (bytes < Link::kLeastProbeBytes) return;
    const Extent device = pool.try_acquire(bytes, {0, 0, "calibrate", "link"});
    const HostBuffer host = arena_.try_take(bytes, "link");
    if (device && host)
        link_.measure(stream(CopyDirection::kOut), stream(CopyDirection::kIn), device.data(), host.data(), bytes);
}

void DeviceBridge::count(CopyDirection direction, std::uint64_t bytes) noexcept {
    moved_bytes_[static_cast<std::size_t>(direction)].fetch_add(bytes, std::memory_order_relaxed);
}

std::uint64_t DeviceBridge::moved_bytes(CopyDirection direction) const noexcept {
    return moved_bytes_[static_cast<std::size_t>(direction)].load(std::memory_order_relaxed);
}

}  // namespace tensile
