// All that passes between the host and an asynchronous device (Device::is_synchronous() is false) outside of launches:
// the pinned arena, blocking copies for set-up, the two streams of copies beside compute that all trainings share, and
// how fast these are. One for the engine; a synchronous device has none, and who is given a null bridge touches the
// slab directly. Knows no programs and no jobs.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "device/device.h"
#include "memory/host_budget.h"
#include "memory/link.h"
#include "memory/pinned_arena.h"
#include "memory/tensor_pool.h"

namespace tensile {

class DeviceBridge {
  public:
    // `pinned_bytes`: the arena's limit.
    DeviceBridge(Device& device, HostBudget& budget, std::uint64_t pinned_bytes);
    ~DeviceBridge();
    DeviceBridge(const DeviceBridge&) = delete;
    DeviceBridge& operator=(const DeviceBridge&) = delete;

    Device& device() { return device_; }
    PinnedArena& arena() { return arena_; }
    const PinnedArena& arena() const { return arena_; }

    // Between the slab and any host memory; return when the bytes are there. Any thread; the caller makes sure that
    // nothing else uses the bytes.
    void write(std::byte* device, std::span<const std::byte> from);
    void read(std::span<std::byte> to, const std::byte* device);
    // Within the slab.
    void move(std::byte* to, const std::byte* from, std::size_t bytes);

    // For copies between slab and arena in the turn of a training (runtime/arbiter.h), by the thread that has it.
    Stream& stream(CopyDirection direction) { return *streams_[static_cast<std::size_t>(direction)]; }
    // Between slab and arena. Measured by measure_link(), once; without bytes of the pool or the arena, never.
    const Link& link() const { return link_; }
    void measure_link(TensorPool& pool);

    // Bytes that trainings have moved between slab and arena.
    void count(CopyDirection direction, std::uint64_t bytes) noexcept;
    std::uint64_t moved_bytes(CopyDirection direction) const noexcept;

  private:
    void copy(std::byte* to, const std::byte* from, std::size_t bytes);

    Device& device_;
    PinnedArena arena_;
    std::mutex mutex_;  // of the stream of blocking copies
    std::unique_ptr<Stream> blocking_;
    std::array<std::unique_ptr<Stream>, kCopyDirections> streams_;
    Link link_;
    std::array<std::atomic<std::uint64_t>, kCopyDirections> moved_bytes_{};
};

}  // namespace tensile
