// The cap on host memory outside the pool: data sets, received segments, caches (`tensile.host_memory`). Whoever holds
// bytes holds a HostCharge; a charge that does not fit is Error 53200, and nothing is lost. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace tensile {

class HostBudget;

// Move-only; gives its bytes back on destruction.
class HostCharge {
  public:
    HostCharge() = default;
    HostCharge(HostCharge&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    HostCharge& operator=(HostCharge&& other) noexcept {
        std::swap(budget_, other.budget_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    HostCharge(const HostCharge&) = delete;
    HostCharge& operator=(const HostCharge&) = delete;
    ~HostCharge();

    std::uint64_t bytes() const { return bytes_; }
    // Changes the charge to `bytes`; throws Error 53200 and leaves it as it was when that does not fit.
    void resize(std::uint64_t bytes);

  private:
    friend class HostBudget;
    HostCharge(HostBudget* budget, std::uint64_t bytes) : budget_(budget), bytes_(bytes) {}
    HostBudget* budget_ = nullptr;
    std::uint64_t bytes_ = 0;
};

class HostBudget {
  public:
    explicit HostBudget(std::uint64_t limit) : limit_(limit) {}
    // Throws Error 53200 naming what is wanted, what is used and `tensile.host_memory`.
    HostCharge charge(std::uint64_t bytes);
    std::uint64_t limit() const { return limit_.load(); }
    void set_limit(std::uint64_t limit) { limit_.store(limit); }
    std::uint64_t used() const { return used_.load(); }

  private:
    friend class HostCharge;
    void take(std::uint64_t bytes);
    void give_back(std::uint64_t bytes) noexcept;
    std::atomic<std::uint64_t> limit_;
    std::atomic<std::uint64_t> used_{0};
};

}  // namespace tensile
