// Bounds how far a thread that enqueues ops on an asynchronous device is ahead of it: far enough that the device never
// waits for the host, near enough that a stop flag which the thread reads between two ops ends a run within a few
// milliseconds.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "device/device.h"

namespace tensile {

class RunPace {
  public:
    static constexpr std::size_t kOpsAhead = 8;

    explicit RunPace(Device& device) {
        for (std::unique_ptr<Event>& event : events_)
            event = device.create_event();
    }

    // An op has been enqueued on `stream`: returns when at most kOpsAhead - 1 are not complete.
    void enqueued(Stream& stream) {
        stream.record(*events_[next_]);
        next_ = (next_ + 1) % kOpsAhead;
        events_[next_]->wait();
    }

  private:
    std::array<std::unique_ptr<Event>, kOpsAhead> events_;
    std::size_t next_ = 0;
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
