// Waiting in a PostgreSQL process: for the latch (cancel, timeouts, notifications), the death of the postmaster, and
// some descriptors at once. Knows nothing of what is waited for.
#pragma once

#include "pg/cpp_only.h"

#include <cstdint>
#include <span>

struct WaitEventSet;

namespace tensile {

enum class Interest : std::uint8_t { kReadable, kWritable };

class WaitSet {
  public:
    static constexpr int kMaxDescriptors = 4;

    // Watches the descriptors for reading. They must stay open while the set lives. Throws PgError.
    explicit WaitSet(std::span<const int> descriptors);
    ~WaitSet();
    WaitSet(const WaitSet&) = delete;
    WaitSet& operator=(const WaitSet&) = delete;

    void watch(std::size_t index, Interest interest);

    // Waits until something happens, `timeout_ms` at most (-1: for ever), and returns a bit for each descriptor that is
    // ready or has hung up. A latch that was set is reset, and pending interrupts are served: a cancel or termination
    // arrives as PgError. If the postmaster dies, so does this process.
    std::uint32_t wait(long timeout_ms, std::uint32_t wait_event);

  private:
    WaitSet();

    WaitEventSet* set_ = nullptr;
    Interest interests_[kMaxDescriptors] = {};
    int positions_[kMaxDescriptors] = {};
};

// A wait without descriptors, for polling loops.
void wait_for_latch(long timeout_ms, std::uint32_t wait_event);

}  // namespace tensile
