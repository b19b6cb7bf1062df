// Bounds how far a thread that enqueues ops on an asynchronous device is ahead of it: far enough that the device never
// waits for the host, near enough that a stop flag which the thread reads between two ops ends a run within a few
// milliseconds. In ops that is less the longer they take, so their time is watched: that between two of them here,
// which is the device's own as soon as the thread has to wait for it.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "device/device.h"

namespace tensile {

class RunPace {
  public:
    static constexpr std::size_t kLeastOpsAhead = 8;
    static constexpr std::size_t kMostOpsAhead = 64;
    static constexpr double kSecondsAhead = 4e-3;

    explicit RunPace(Device& device) {
        for (std::unique_ptr<Event>& event : events_)
            event = device.create_event();
    }

    // An op has been enqueued on `stream`: returns when not too many before it are incomplete.
    void enqueued(Stream& stream) {
        stream.record(*events_[count_ % kMostOpsAhead]);
        ++count_;
        const std::size_t ahead = ops_ahead();
        // That many back, which has been complete for long, or was never recorded, when the distance has just grown.
        events_[(count_ + kMostOpsAhead - ahead) % kMostOpsAhead]->wait();
        const Clock::time_point now = Clock::now();
        // Clamped, so that a pause between two runs counts as one op.
        const double seconds = std::clamp(std::chrono::duration<double>(now - last_).count(),
                                          kSecondsAhead / kMostOpsAhead, kSecondsAhead / kLeastOpsAhead);
        mean_seconds_ += kWeight * (seconds - mean_seconds_);
        last_ = now;
    }

  private:
    using Clock = std::chrono::steady_clock;
    // Of one op in the mean: about the last thirty-two count.
    static constexpr double kWeight = 1.0 / 32;

    std::size_t ops_ahead() const {
        return std::clamp(static_cast<std::size_t>(kSecondsAhead / mean_seconds_), kLeastOpsAhead, kMostOpsAhead);
    }

    std::array<std::unique_ptr<Event>, kMostOpsAhead> events_;
    std::uint64_t count_ = 0;
    double mean_seconds_ = kSecondsAhead / kLeastOpsAhead;
    Clock::time_point last_ = Clock::now();
};

// Waits for the end of what is enqueued, where an error is on its way already.
inline void finish(Stream& stream) noexcept {
    try {
        stream.synchronize();
    } catch (...) {
        // A stream that has failed runs nothing any more.
    }
}

}  // namespace tensile
