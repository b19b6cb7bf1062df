// A bag of idle objects that threads take from and put back into without a lock.
//
// A fixed row of slots, each empty or holding one pointer; taking is an exchange and putting a compare-exchange on one
// slot, so there is no list to corrupt and no ABA problem. Knows nothing of what it holds and owns nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

namespace tensile {

template <typename T, std::size_t kSlots>
class IdleSlots {
  public:
    // Null when the bag is empty.
    T* take() noexcept {
        for (std::atomic<T*>& slot : slots_) {
            if (slot.load(std::memory_order_relaxed) == nullptr) continue;
            if (T* const object = slot.exchange(nullptr)) return object;
        }
        return nullptr;
    }

    // False when the bag is full. Sequentially consistent: whoever afterwards reads that nobody waits can be sure that
    // a later waiter finds the object.
    bool put(T* object) noexcept {
        for (std::atomic<T*>& slot : slots_) {
            T* empty = nullptr;
            if (slot.compare_exchange_strong(empty, object)) return true;
        }
        return false;
    }

  private:
    std::array<std::atomic<T*>, kSlots> slots_{};
};

}  // namespace tensile
