// Looking at a stop flag during long work on the host, so that a cancelled training or evaluation ends within
// milliseconds. Knows nothing of the work.
#pragma once

#include <atomic>
#include <cstdint>

namespace tensile {

// Throws Error 57014 when `stop` (which may be null) is set.
void throw_if_stopped(const std::atomic<bool>* stop);

// For work whose steps are too small to look at the flag each time, such as the comparisons of a sort.
class StopPoint {
  public:
    // Steps between two looks: a step takes some nanoseconds, so a look comes every millisecond or sooner.
    static constexpr std::uint32_t kInterval = 65536;

    // `stop` may be null, and outlives the object.
    explicit StopPoint(const std::atomic<bool>* stop) : stop_(stop) {}

    // One step. Throws Error 57014 at latest kInterval steps after the flag was set.
    void count() {
        if (++steps_ % kInterval == 0) throw_if_stopped(stop_);
    }

  private:
    const std::atomic<bool>* stop_;
    std::uint32_t steps_ = 0;
};

}  // namespace tensile
