// The link between the device's memory and a tier of host copies, as measured: first by a short exchange, then kept
// current by every copy that copy lanes make. Planners take its model; no plan needs it to be right. Thread-safe. Knows
// no jobs and no plans.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "device/device.h"
#include "memory/host_store.h"
#include "planner/link_model.h"
#include "planner/plan.h"

namespace tensile {

enum class CopyDirection : std::uint8_t { kOut, kIn };  // to the host store, from it
inline constexpr std::size_t kCopyDirections = 2;

class Link {
  public:
    // What the exchange uses of a store, and the least it can do with, at less exactness.
    static constexpr std::uint64_t kProbeBytes = 8 * kCopyPiece;
    static constexpr std::uint64_t kLeastProbeBytes = 2 * kCopyAlignment;

    bool is_measured() const { return is_measured_.load(std::memory_order_acquire); }
    // Writes and reads a few pieces, one after the other and both at once; takes about the time of kProbeBytes in each
    // direction twice. `store` has at least kLeastProbeBytes; the content of the first kProbeBytes is lost.
    void measure(HostStore& store);
    // The same between `device` and `host`, of `bytes` each (at least kLeastProbeBytes), by streams of an asynchronous
    // device. The content of both is lost.
    void measure(Stream& out, Stream& in, std::byte* device, std::byte* host, std::uint64_t bytes);
    // One piece took `seconds`; `shared` if the other direction was busy meanwhile. Pieces that are too small to tell
    // the rate from the latency are passed over.
    void observe(CopyDirection direction, std::uint64_t bytes, double seconds, bool shared) noexcept;
    // All zero before the link is measured.
    LinkModel model() const noexcept;
    // When the model last changed; meaningless before the link is measured.
    std::chrono::system_clock::time_point measured_at() const noexcept;

  private:
    using Rates = std::array<double, kCopyDirections>;
    void set(const Rates& alone, const Rates& shared, double latency_seconds);

    std::atomic<bool> is_measured_{false};
    std::mutex measuring_;      // held during the exchange
    mutable std::mutex mutex_;  // of what follows; bytes a second
    Rates alone_{};
    Rates shared_{};
    double latency_seconds_ = 0;
    std::chrono::system_clock::time_point measured_at_;
};

}  // namespace tensile
