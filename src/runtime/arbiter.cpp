// The line of waiters, linked through their stacks; see arbiter.h.
#include "runtime/arbiter.h"

#include <utility>

#include "tensor/error.h"

namespace tensile {

Arbiter::Arbiter(Device& device) : stream_(device.create_stream(StreamClass::kCompute, StreamPriority::kTraining)) {}

Arbiter::~Arbiter() = default;

Arbiter::Turn::Turn(Turn&& other) noexcept : arbiter_(std::exchange(other.arbiter_, nullptr)) {}

Arbiter::Turn::~Turn() {
    if (arbiter_ != nullptr) arbiter_->end_turn();
}

Stream& Arbiter::Turn::stream() const {
    return *arbiter_->stream_;
}

Arbiter::Turn Arbiter::take_turn(const StopFlag* stop) {
    const auto is_stopped = [stop] { return stop != nullptr && stop->load(std::memory_order_relaxed); };
    std::unique_lock lock(mutex_);
    if (!busy_ && !is_stopped()) {
        busy_ = true;
        return Turn(this);
    }
    Waiter self;
    enqueue(self);
    while (!self.has_turn && !is_stopped())
        self.changed.wait(lock);
    if (self.has_turn) return Turn(this);
    leave(self);
    throw Error(sqlstate::kQueryCanceled, "canceling job due to a stop request");
}

void Arbiter::wake() noexcept {
    const std::scoped_lock lock(mutex_);
    for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next)
        waiter->changed.notify_one();
}

int Arbiter::waiting() const noexcept {
    const std::scoped_lock lock(mutex_);
    int count = 0;
    for (const Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next)
        ++count;
    return count;
}

void Arbiter::enqueue(Waiter& waiter) noexcept {
    (last_ == nullptr ? first_ : last_->next) = &waiter;
    last_ = &waiter;
}

void Arbiter::leave(Waiter& waiter) noexcept {
    Waiter* previous = nullptr;
    for (Waiter* other = first_; other != &waiter; other = other->next)
        previous = other;
    (previous == nullptr ? first_ : previous->next) = waiter.next;
    if (last_ == &waiter) last_ = previous;
}

void Arbiter::end_turn() noexcept {
    const std::scoped_lock lock(mutex_);
    if (first_ == nullptr) {
        busy_ = false;
        return;
    }
    Waiter& next = *first_;
    first_ = next.next;
    if (first_ == nullptr) last_ = nullptr;
    next.has_turn = true;
    // Under the lock: the waiter and its condition live on a stack that may be gone right after.
    next.changed.notify_one();
}

}  // namespace tensile
