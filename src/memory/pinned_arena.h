// Host memory that copies to and from an asynchronous device use without a detour (page-locked): reserved once, when
// the engine starts, and given out as ranges. Nothing is page-locked later, so the limit is a hard one.
//
// The bytes count as host memory (memory/host_budget.h). Who finds the arena full falls back: staging buffers to plain
// memory, which copies as well but slower, and host copies of moving tensors to a spill file. Thread-safe. Knows no
// programs and no jobs beyond the owner's label.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device/device.h"
#include "memory/extent_allocator.h"
#include "memory/host_budget.h"

namespace tensile {

class PinnedArena;

// A range of the arena, or plain memory in its place; aligned to pages, content undefined. Move-only, given back on
// destruction.
class HostBuffer {
  public:
    HostBuffer() = default;
    HostBuffer(HostBuffer&& other) noexcept;
    HostBuffer& operator=(HostBuffer&& other) noexcept;
    HostBuffer(const HostBuffer&) = delete;
    HostBuffer& operator=(const HostBuffer&) = delete;
    ~HostBuffer();

    std::byte* data() const { return data_; }
    std::uint64_t bytes() const { return bytes_; }
    bool is_pinned() const { return arena_ != nullptr; }
    explicit operator bool() const { return data_ != nullptr; }

  private:
    friend class PinnedArena;
    struct Free {
        void operator()(std::byte* memory) const;
    };
    std::byte* data_ = nullptr;
    std::uint64_t bytes_ = 0;
    PinnedArena* arena_ = nullptr;  // null: plain memory
    std::unique_ptr<std::byte, Free> plain_;
    HostCharge charge_;  // of plain memory
};

class PinnedArena {
  public:
    struct Row {
        std::string owner;
        std::uint64_t bytes = 0;
    };

    // Reserves `limit` bytes of `device`, which is asynchronous. Where the system does not page-lock as many, or the
    // budget has no room for them, the half, the quarter and so on: limit() tells.
    PinnedArena(Device& device, HostBudget& budget, std::uint64_t limit);
    // All buffers are gone.
    ~PinnedArena();
    PinnedArena(const PinnedArena&) = delete;
    PinnedArena& operator=(const PinnedArena&) = delete;

    // A range of the arena; empty where there is no room for one.
    HostBuffer try_take(std::uint64_t bytes, const std::string& owner);
    // Plain memory where the arena is full. Error 53200 where the budget has no room for it either.
    HostBuffer take(std::uint64_t bytes, const std::string& owner);

    std::uint64_t limit() const { return allocator_.bytes(); }
    std::uint64_t used() const;
    // The most bytes that try_take() would give now.
    std::uint64_t largest_free() const;
    std::vector<Row> rows() const;  // who holds ranges, by their place

  private:
    friend class HostBuffer;
    struct Range {
        std::uint64_t bytes = 0;
        std::string owner;
    };
    void reserve(Device& device, std::uint64_t bytes);
    void give_back(std::byte* data) noexcept;

    HostBudget& budget_;
    HostCharge charge_;
    std::byte* begin_ = nullptr;
    mutable std::mutex mutex_;  // of what follows
    ExtentAllocator allocator_{0};
    std::map<std::uint64_t, Range> ranges_;  // by offset
    std::uint64_t used_ = 0;
};

}  // namespace tensile
