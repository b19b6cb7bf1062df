// Whose turn it is on the compute device. Training jobs take turns step by step in arrival order (a fair ticket queue),
// so that one long job cannot starve another; predictions do not pass here: they have threads of their own.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "device/device.h"

namespace tensile {

class Arbiter {
  public:
    explicit Arbiter(Device& device);

    // Holds the training stream for one step.
    class Turn {
      public:
        Turn(Turn&& other) noexcept;
        ~Turn();
        Stream& stream() const;

      private:
        friend class Arbiter;
        explicit Turn(Arbiter* arbiter) : arbiter_(arbiter) {}
        Arbiter* arbiter_;
    };

    // Waits for this caller's turn; throws Error 57014 if `stop` is set meanwhile (wake() makes waiters look).
    Turn take_turn(const StopFlag* stop);
    void wake() noexcept;

  private:
    std::unique_ptr<Stream> stream_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t next_ticket_ = 0;
    std::uint64_t serving_ = 0;
};

}  // namespace tensile
