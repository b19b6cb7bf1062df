// Looking for a packet again and again for a moment before going to sleep for it. Both ends of a connection do so right
// after they have sent something, because waking a sleeping thread costs more than a prediction of one row: with an
// idle processor in between, 20 to 40 us a wake-up were measured on virtual machines, two wake-ups a prediction. Knows
// clocks and counts, no sockets.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace tensile::protocol {

class ShortPoll {
  public:
    // About what a wake-up costs that it may save: by waiting no longer than that, a poll in vain at most doubles the
    // cost of the wait (competitive spinning: Karlin et al., "Empirical studies of competitive spinning for a
    // shared-memory multiprocessor", 1991). A prediction of one row is answered well within it.
    static constexpr std::chrono::microseconds kLongest{50};
    // Polls in vain are followed by 1, 2, 4 ... waits without one, at most this many: a peer that takes its time
    // (training, large batches, a client that thinks, more threads than processors) costs less than a microsecond of
    // polling a wait. A poll that found something halves the pause, so that polling goes on only where it helps more
    // often than not; a peer that begins to answer at once is polled again after some hundred answers.
    static constexpr std::uint32_t kLongestPause = 64;

    // Calls `found` until it returns true, for kLongest at most; whether it did. False without a call while paused.
    template <typename Found>
    bool run(Found&& found) {
        if (skipped_ < pause_) {
            ++skipped_;
            return false;
        }
        skipped_ = 0;
        const auto end = std::chrono::steady_clock::now() + kLongest;
        do {
            if (found()) {
                pause_ /= 2;
                return true;
            }
        } while (std::chrono::steady_clock::now() < end);
        pause_ = std::min(std::max(2 * pause_, 1U), kLongestPause);
        return false;
    }

  private:
    std::uint32_t pause_ = 0;    // waits to pass over between two polls
    std::uint32_t skipped_ = 0;  // of them so far
};

}  // namespace tensile::protocol
