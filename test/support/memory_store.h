// A host store in memory for tests: can be made slow, blocked or broken, and notes what was done in which order.
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "memory/host_store.h"
#include "tensor/error.h"

namespace tensile::testing {

class MemoryStore final : public HostStore {
  public:
    struct Transfer {
        bool is_write = false;
        std::uint64_t offset = 0;
        std::uint64_t bytes = 0;
    };

    explicit MemoryStore(std::uint64_t bytes) : content_(bytes) {}

    // Called before each transfer, without a lock; may block or throw.
    std::function<void(const Transfer&)> before;

    std::uint64_t bytes() const override { return content_.size(); }
    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        note({true, offset, from.size()});
        std::memcpy(content_.data() + offset, from.data(), from.size());
    }
    void read(std::uint64_t offset, std::span<std::byte> to) override {
        note({false, offset, to.size()});
        std::memcpy(to.data(), content_.data() + offset, to.size());
    }
    std::vector<Transfer> transfers() const {
        const std::scoped_lock lock(mutex_);
        return transfers_;
    }
    std::byte* data() { return content_.data(); }

  private:
    void note(const Transfer& transfer) {
        if (before) before(transfer);
        const std::scoped_lock lock(mutex_);
        transfers_.push_back(transfer);
    }

    std::vector<std::byte> content_;
    mutable std::mutex mutex_;
    std::vector<Transfer> transfers_;
};

}  // namespace tensile::testing
