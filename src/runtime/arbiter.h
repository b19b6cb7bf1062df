// Whose turn it is on the compute device. Training jobs take turns step by step in arrival order: a turn that ends goes
// to the longest waiter, so that one long job cannot starve another; predictions do not pass here: they have threads of
// their own. Thread-safe.
#pragma once

#include <condition_variable>
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

    // Waits for this caller's turn; throws Error 57014 if `stop` is set meanwhile (wake() makes waiters look). Costs
    // one uncontended lock when nobody else wants the stream.
    Turn take_turn(const StopFlag* stop);
    void wake() noexcept;
    // Callers in line behind the holder of the turn.
    int waiting() const noexcept;

    Arbiter(const Arbiter&) = delete;
    Arbiter& operator=(const Arbiter&) = delete;
    ~Arbiter();

  private:
    // One caller in line; lives on its stack.
    struct Waiter {
        std::condition_variable changed;
        bool has_turn = false;
        Waiter* next = nullptr;
    };
    void enqueue(Waiter& waiter) noexcept;
    void leave(Waiter& waiter) noexcept;
    void end_turn() noexcept;

    std::unique_ptr<Stream> stream_;
    mutable std::mutex mutex_;
    bool busy_ = false;        // somebody holds the turn
    Waiter* first_ = nullptr;  // in order of arrival
    Waiter* last_ = nullptr;
};

}  // namespace tensile
