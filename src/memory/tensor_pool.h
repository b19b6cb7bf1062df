// The tensor pool: one capped arena for all sessions, given out as contiguous extents.
//
// A job or a loaded model asks for one extent and states the least it can run with; requests that do not fit wait in
// arrival order until bytes are free, the timeout passes, or their stop flag is set. Idle extents that can be had again
// (weights of stored models) are evictable and go first. Bytes given out never exceed the pool's size; every byte has
// an owner that tensile.pool names. Thread-safe. Knows no plan, model or session beyond the owner's label.
//
// Order of admission: the oldest request is served first, and while it waits nothing is given to younger ones, except
// that small requests (at most a sixteenth of the pool: the weights of a model, a prediction's context) may pass it, up
// to a quarter of the pool in all for each request so passed. So predictions do not stand behind a training job that
// waits for another one to end, and no request waits for ever.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
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
    // Cuts the extent after `bytes` (rounded up to 64 kB) and returns what is behind, in the name of `owner`; an empty
    // extent when nothing is. Dropping the rest is how an extent shrinks.
    Extent split(std::uint64_t bytes, const PoolOwner& owner);
    // Grows in place up to `limit` bytes, as far as what follows is free. Takes nothing while requests are queued.
    void extend(std::uint64_t limit);
    // Becomes an extent of `bytes` wherever there is room for one when its own bytes are free; false where there is
    // none, or requests are queued. The content is lost either way.
    bool exchange(std::uint64_t bytes);
    // The most bytes for which exchange() would succeed now; 0 while requests are queued.
    std::uint64_t room() const;
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
    // A pool of `bytes` (rounded down to 64 kB) in address space for `reserved` bytes, if that is more. Outlives its
    // extents.
    TensorPool(Device& device, std::uint64_t bytes, std::uint64_t reserved = 0);
    // `reclaim` is asked, without the pool's lock, to let go of idle evictable extents when a request does not fit; it
    // returns the bytes it has freed. To be set before the first request.
    void set_reclaimer(std::function<std::uint64_t(std::uint64_t wanted)> reclaim);

    // Waits for an extent of `bytes`. Errors: 53400 when it exceeds the whole pool (detail: needed and pool size; hint:
    // raise tensile.pool_size), 53000 when `timeout` has passed (detail: who holds what), 57014 when `stop` was set.
    // No timeout waits for ever; a zero timeout does not wait. The
    // content of a new extent is undefined.
    Extent acquire(std::uint64_t bytes, const PoolOwner& owner, std::optional<std::chrono::milliseconds> timeout,
                   const StopFlag* stop);

    // What acquire() would give without waiting; an empty extent where it would throw 53400 or 53000.
    Extent try_acquire(std::uint64_t bytes, const PoolOwner& owner);

    // Changes the size, up to the reserved address space; returns the new size. Below what is in use nothing is taken
    // away, but nothing is given out either until enough has come back.
    std::uint64_t set_size(std::uint64_t bytes);

    PoolSummary summary() const;
    std::vector<PoolRow> rows() const;  // granted first, then queued in order
    // A queued request whose stop flag has been set, or for which something has become evictable, notices at once
    // (otherwise within a tenth of a second).
    void wake() noexcept;
    // Changes whenever bytes have become free. Costs one load.
    std::uint64_t releases() const noexcept;
    // Whether a request is queued: who has made something evictable then calls wake(). Costs one load.
    bool has_waiters() const noexcept;

    TensorPool(const TensorPool&) = delete;
    TensorPool& operator=(const TensorPool&) = delete;
    ~TensorPool();

  private:
    friend class Extent;
    struct State;
    Extent extent_of(std::uint64_t id) noexcept;
    Extent split(std::uint64_t id, std::uint64_t bytes, const PoolOwner& owner);
    std::uint64_t extend(std::uint64_t id, std::uint64_t limit);
    bool exchange(Extent& extent, std::uint64_t bytes);
    std::uint64_t room_of(std::uint64_t id) const;
    void release(std::uint64_t id) noexcept;
    std::unique_ptr<State> state_;
};

}  // namespace tensile
