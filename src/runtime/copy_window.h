// The copies of one direction that an event-driven plan has enqueued and that may not be complete yet. Bounds them, in
// number and bytes, so that a run which is stopped is over within milliseconds: what is enqueued cannot be taken back.
// Used by one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "device/device.h"

namespace tensile {

class CopyWindow {
  public:
    static constexpr std::size_t kCopies = 32;
    // About ten milliseconds of PCIe 4.0 x16. A larger copy is alone in the window.
    static constexpr std::uint64_t kBytes = std::uint64_t{256} << 20;

    explicit CopyWindow(Device& device) {
        for (Entry& entry : entries_)
            entry.event = device.create_event();
    }

    bool has_room(std::uint64_t bytes) {
        drop_complete();
        return count_ < kCopies && (count_ == 0 || bytes_ + bytes <= kBytes);
    }
    // There is room, and a copy of `bytes` has been enqueued on `stream`.
    void enqueued(Stream& stream, std::uint64_t bytes) {
        Entry& entry = entries_[(first_ + count_) % kCopies];
        stream.record(*entry.event);
        entry.bytes = bytes;
        ++count_;
        bytes_ += bytes;
    }
    bool is_empty() {
        drop_complete();
        return count_ == 0;
    }
    // Waits for the oldest copy; the window is not empty.
    void wait_for_one() {
        entries_[first_].event->wait();
        drop_first();
    }

  private:
    struct Entry {
        std::unique_ptr<Event> event;
        std::uint64_t bytes = 0;
    };
    void drop_first() {
        bytes_ -= entries_[first_].bytes;
        first_ = (first_ + 1) % kCopies;
        --count_;
    }
    void drop_complete() {
        while (count_ > 0 && entries_[first_].event->is_complete())
            drop_first();
    }

    std::array<Entry, kCopies> entries_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace tensile
