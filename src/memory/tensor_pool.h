// The tensor pool: one capped arena for all sessions, given out as contiguous extents.
//
// A job or a loaded model asks for one extent and states the least it can run with; requests that do not fit wait in
// arrival order until bytes are free, the timeout passes, or their stop flag is set. Idle extents that can be had again
// (weights of stored models) are evictable and go first. Bytes given out never exceed the pool's size; every byte has
// an owner that tensile.pool names. Thread-safe. Knows no plan, model or session beyond the owner's label.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "device/device.h"

namespace tensile {

// Who holds or wants bytes; shown in tensile.pool.
struct PoolOwner {
    std::uint64_t session = 0;  // 0: shared by all sessions (loaded models)
    std::int32_t backend_pid = 0;
    std::string purpose;  // "train", "model", "predict", "evaluate"
    std::string label;    // model name or short key
};

class TensorPool;

// One granted extent; move-only, returned on destruction.
class Extent {
  public:
    Extent() = default;
    Extent(Extent&& other) noexcept;
    Extent& operator=(Extent&& other) noexcept;
    Extent(const Extent&) = delete;
    Extent& operator=(const Extent&) = delete;
    ~Extent();

    std::byte* data() const { return data_; }
    std::uint64_t bytes() const { return bytes_; }
    explicit operator bool() const { return pool_ != nullptr; }

  private:
    friend class TensorPool;
    TensorPool* pool_ = nullptr;
    std::uint64_t id_ = 0;
    std::byte* data_ = nullptr;
    std::uint64_t bytes_ = 0;
};

struct PoolRow {
    PoolOwner owner;
    std::string state;  // "granted", "queued"
    std::uint64_t bytes = 0;
    double seconds = 0;  // since granted or queued
};

struct PoolSummary {
    std::uint64_t size = 0;
    std::uint64_t used = 0;
    std::uint64_t high_water = 0;
    std::uint64_t largest_free = 0;
    int granted = 0;
    int queued = 0;
};

class TensorPool {
  public:
    // `reclaim` is asked, without the pool's lock, to let go of idle evictable extents when a request does not fit; it
    // returns the bytes it has freed.
    TensorPool(Device& device, std::uint64_t bytes);
    void set_reclaimer(std::function<std::uint64_t(std::uint64_t wanted)> reclaim);

    // Waits for an extent of `bytes`. Errors: 53400 when it exceeds the whole pool (detail: needed and pool size; hint:
    // raise tensile.pool_size), 53000 when `timeout` has passed (detail: who holds what), 57014 when `stop` was set.
    // No timeout waits for ever; a zero timeout does not wait.
    Extent acquire(std::uint64_t bytes, const PoolOwner& owner, std::optional<std::chrono::milliseconds> timeout,
                   const StopFlag* stop);

    PoolSummary summary() const;
    std::vector<PoolRow> rows() const;  // granted first, then queued in order
    // A queued request whose stop flag has been set notices at once.
    void wake() noexcept;

    TensorPool(const TensorPool&) = delete;
    TensorPool& operator=(const TensorPool&) = delete;
    ~TensorPool();

  private:
    friend class Extent;
    struct State;
    void release(std::uint64_t id) noexcept;
    std::unique_ptr<State> state_;
};

}  // namespace tensile
