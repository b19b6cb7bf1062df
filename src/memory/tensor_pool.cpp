// The queue of requests, grants and their errors; see tensor_pool.h. One mutex guards all state; neither the reclaimer
// nor the device's discard is called under it.
#include "memory/tensor_pool.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <map>
#include <utility>

#include "memory/byte_size.h"
#include "memory/extent_allocator.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Clock = std::chrono::steady_clock;

// Requests of at most size / kSmallShare may pass older ones, up to size / kPassingShare bytes past each.
constexpr std::uint64_t kSmallShare = 16;
constexpr std::uint64_t kPassingShare = 4;
// A waiting request looks again this often, whether or not somebody has called wake().
constexpr std::chrono::milliseconds kLookAgain{100};

double seconds_since(Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
}

std::string describe(const PoolOwner& owner) {
    std::string text = owner.purpose;
    if (!owner.label.empty()) text += " \"" + owner.label + "\"";
    if (owner.backend_pid != 0) text += " (process " + std::to_string(owner.backend_pid) + ")";
    return text;
}

}  // namespace

struct TensorPool::State {
    struct Grant {
        std::uint64_t offset = 0;
        std::uint64_t bytes = 0;
        PoolOwner owner;
        Clock::time_point since;
    };
    // Takes the lock again, also when the reclaimer throws.
    struct Relock {
        std::unique_lock<std::mutex>& lock;
        ~Relock() { lock.lock(); }
    };
    struct Request {
        std::uint64_t bytes = 0;
        PoolOwner owner;
        Clock::time_point since;
        std::uint64_t passed = 0;  // bytes given to younger requests while this one was the oldest
    };
    using Queue = std::list<Request>;

    State(Device& pool_device, std::uint64_t bytes, std::uint64_t reserved)
        : device(pool_device),
          allocator(std::max(bytes, reserved)),
          size(bytes / ExtentAllocator::kSmallGranule * ExtentAllocator::kSmallGranule) {}

    // Bytes of size that are not given out.
    std::uint64_t free_bytes() const { return size > used ? size - used : 0; }

    bool may_be_served(Queue::iterator request) const {
        if (request == queue.begin()) return true;
        return request->bytes <= size / kSmallShare && queue.front().passed + request->bytes <= size / kPassingShare;
    }

    // Moves a request from the queue to the grants when it is its turn and its bytes are free; 0 when not.
    std::uint64_t grant(Queue::iterator request) {
        if (!may_be_served(request) || request->bytes > free_bytes()) return 0;
        const auto offset = allocator.allocate(request->bytes);
        if (!offset) return 0;
        if (request != queue.begin()) queue.front().passed += request->bytes;
        const std::uint64_t id = ++last_id;
        try {
            grants[id] = {*offset, request->bytes, request->owner, Clock::now()};
        } catch (...) {
            allocator.free(*offset, request->bytes);
            throw;
        }
        used += request->bytes;
        high_water = std::max(high_water, used);
        return id;
    }

    // A request's place in the queue; left on destruction, always under the lock.
    struct Place {
        Place(State& pool, std::uint64_t bytes, const PoolOwner& owner)
            : state(pool), request(pool.queue.insert(pool.queue.end(), {bytes, owner, Clock::now()})) {
            state.queued.store(state.queue.size());
        }
        ~Place() {
            state.queue.erase(request);
            state.queued.store(state.queue.size());
            state.notify();
        }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

        State& state;
        const Queue::iterator request;
    };

    // One try for a request: a grant's id, or 0. `generation` differs from the pool's when it is worth trying again.
    std::uint64_t grant_or_reclaim(Queue::iterator request, std::unique_lock<std::mutex>& lock,
                                   std::uint64_t& seen_generation) {
        seen_generation = generation;
        if (const std::uint64_t id = grant(request)) return id;
        if (!reclaim || !may_be_served(request) || request->bytes > size) return 0;
        const std::uint64_t free = free_bytes();
        // Enough bytes in too many pieces: one more eviction at a time until a gap is wide enough.
        const std::uint64_t wanted = request->bytes > free ? request->bytes - free : 1;
        lock.unlock();
        const Relock relock{lock};
        reclaim(wanted);
        return 0;
    }

    // Makes every waiter look again, even one that is just asking the reclaimer.
    void notify() {
        ++generation;
        changed.notify_all();
    }

    [[noreturn]] void fail_size(const Request& request) const;
    [[noreturn]] void fail_timeout(const Request& request, std::chrono::milliseconds timeout) const;

    Device& device;
    std::byte* slab = nullptr;
    std::function<std::uint64_t(std::uint64_t)> reclaim;

    mutable std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t generation = 0;
    ExtentAllocator allocator;
    std::uint64_t size;
    std::uint64_t used = 0;
    std::uint64_t high_water = 0;
    std::uint64_t last_id = 0;
    std::map<std::uint64_t, Grant> grants;  // by id
    Queue queue;                            // oldest first
    std::atomic<std::size_t> queued{0};     // queue.size()
    std::atomic<std::uint64_t> releases{0};
};

void TensorPool::State::fail_size(const Request& request) const {
    throw Error(sqlstate::kConfigurationLimitExceeded, "tensor pool is too small for " + describe(request.owner),
                "It needs " + format_bytes(request.bytes) + ", but the pool has " + format_bytes(size) + ".",
                "Set \"tensile.pool_size\" to at least \"" + setting_of_bytes(request.bytes) + "\".");
}

void TensorPool::State::fail_timeout(const Request& request, std::chrono::milliseconds timeout) const {
    std::vector<const Grant*> greatest;
    for (const auto& [id, grant] : grants)
        greatest.push_back(&grant);
    std::stable_sort(greatest.begin(), greatest.end(),
                     [](const Grant* left, const Grant* right) { return left->bytes > right->bytes; });
    constexpr std::size_t kShown = 5;
    std::string detail = format_bytes(request.bytes) + " are needed for " + describe(request.owner) + "; " +
                         format_bytes(free_bytes()) + " of " + format_bytes(size) + " are free.";
    for (std::size_t i = 0; i < greatest.size() && i < kShown; ++i)
        detail += (i == 0 ? " In use: " : ", ") + describe(greatest[i]->owner) + " " + format_bytes(greatest[i]->bytes);
    if (greatest.size() > kShown) detail += ", and " + std::to_string(greatest.size() - kShown) + " more";
    if (!greatest.empty()) detail += ".";
    if (queue.size() > 1) detail += " " + std::to_string(queue.size() - 1) + " other requests are waiting.";
    throw Error(sqlstate::kInsufficientResources,
                timeout.count() == 0 ? "not enough free memory in the tensor pool"
                                     : "timed out waiting for memory of the tensor pool",
                std::move(detail),
                "Try again when other work has finished, or raise \"tensile.pool_size\" or \"tensile.queue_timeout\".");
}

Extent::Extent(Extent&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      id_(std::exchange(other.id_, 0)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Extent& Extent::operator=(Extent&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(id_, other.id_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

Extent::~Extent() {
    if (pool_ != nullptr) pool_->release(id_);
}

Extent Extent::split(std::uint64_t bytes, const PoolOwner& owner) {
    constexpr std::uint64_t kGranule = ExtentAllocator::kSmallGranule;
    bytes = (bytes + kGranule - 1) / kGranule * kGranule;
    if (pool_ == nullptr || bytes >= bytes_) return {};
    Extent rest = pool_->split(id_, bytes, owner);
    bytes_ = bytes;
    return rest;
}

void Extent::extend(std::uint64_t limit) {
    if (pool_ != nullptr && limit > bytes_) bytes_ = pool_->extend(id_, limit);
}

bool Extent::exchange(std::uint64_t bytes) {
    return pool_ != nullptr && pool_->exchange(*this, bytes);
}

std::uint64_t Extent::room() const {
    return pool_ == nullptr ? 0 : pool_->room_of(id_);
}

TensorPool::TensorPool(Device& device, std::uint64_t bytes, std::uint64_t reserved)
    : state_(std::make_unique<State>(device, bytes, reserved)) {
    if (state_->size == 0) throw InternalError("a tensor pool needs at least 64 kB");
    state_->slab = device.reserve_slab(state_->allocator.bytes());
}

TensorPool::~TensorPool() = default;

void TensorPool::set_reclaimer(std::function<std::uint64_t(std::uint64_t)> reclaim) {
    state_->reclaim = std::move(reclaim);
}

Extent TensorPool::acquire(std::uint64_t bytes, const PoolOwner& owner,
                           std::optional<std::chrono::milliseconds> timeout, const StopFlag* stop) {
    State& state = *state_;
    const auto since = Clock::now();
    std::unique_lock lock(state.mutex);
    const State::Place place(state, bytes, owner);
    for (;;) {
        if (stop != nullptr && stop->load())
            throw Error(sqlstate::kQueryCanceled, "canceling wait for memory of the tensor pool due to a stop request");
        // Asked in every round: the pool's size may change while a request waits.
        place.request->bytes = ExtentAllocator::rounded(bytes, state.size);
        if (place.request->bytes > state.size) state.fail_size(*place.request);
        std::uint64_t generation = 0;
        if (const std::uint64_t id = state.grant_or_reclaim(place.request, lock, generation)) return extent_of(id);
        if (generation != state.generation) continue;
        auto until = Clock::now() + kLookAgain;
        if (timeout) {
            const auto deadline = since + *timeout;
            if (Clock::now() >= deadline) state.fail_timeout(*place.request, *timeout);
            until = std::min(until, deadline);
        }
        state.changed.wait_until(lock, until);
    }
}

Extent TensorPool::try_acquire(std::uint64_t bytes, const PoolOwner& owner) {
    State& state = *state_;
    std::unique_lock lock(state.mutex);
    const State::Place place(state, bytes, owner);
    for (;;) {
        place.request->bytes = ExtentAllocator::rounded(bytes, state.size);
        std::uint64_t generation = 0;
        if (const std::uint64_t id = state.grant_or_reclaim(place.request, lock, generation)) return extent_of(id);
        if (generation == state.generation) return {};
    }
}

Extent TensorPool::extent_of(std::uint64_t id) noexcept {
    const State::Grant& grant = state_->grants.find(id)->second;
    Extent extent;
    extent.pool_ = this;
    extent.id_ = id;
    extent.data_ = state_->slab + grant.offset;
    extent.bytes_ = grant.bytes;
    return extent;
}

Extent TensorPool::split(std::uint64_t id, std::uint64_t bytes, const PoolOwner& owner) {
    State& state = *state_;
    const std::scoped_lock lock(state.mutex);
    State::Grant& first = state.grants.find(id)->second;
    const std::uint64_t rest = ++state.last_id;
    state.grants[rest] = {first.offset + bytes, first.bytes - bytes, owner, Clock::now()};
    first.bytes = bytes;
    return extent_of(rest);
}

std::uint64_t TensorPool::extend(std::uint64_t id, std::uint64_t limit) {
    State& state = *state_;
    const std::scoped_lock lock(state.mutex);
    State::Grant& grant = state.grants.find(id)->second;
    if (!state.queue.empty()) return grant.bytes;
    const std::uint64_t wanted = std::min(limit - grant.bytes, state.free_bytes());
    const std::uint64_t taken = state.allocator.extend(grant.offset + grant.bytes, wanted);
    grant.bytes += taken;
    state.used += taken;
    state.high_water = std::max(state.high_water, state.used);
    return grant.bytes;
}

bool TensorPool::exchange(Extent& extent, std::uint64_t bytes) {
    State& state = *state_;
    std::unique_lock lock(state.mutex);
    State::Grant& grant = state.grants.find(extent.id_)->second;
    // While the pages go back, which may take long, the bytes stay granted.
    lock.unlock();
    state.device.discard(state.slab + grant.offset, grant.bytes);
    lock.lock();
    if (!state.queue.empty()) return false;
    ExtentAllocator without = state.allocator;
    without.free(grant.offset, grant.bytes);
    const std::uint64_t room = std::min(without.largest_gap(), state.free_bytes() + grant.bytes);
    const std::uint64_t wanted = ExtentAllocator::rounded(bytes, room);
    if (wanted > room) return false;
    const auto offset = without.allocate(wanted);
    if (!offset) return false;
    state.allocator = std::move(without);
    state.used = state.used - grant.bytes + wanted;
    state.high_water = std::max(state.high_water, state.used);
    grant.offset = *offset;
    grant.bytes = wanted;
    extent.data_ = state.slab + grant.offset;
    extent.bytes_ = grant.bytes;
    return true;
}

std::uint64_t TensorPool::room_of(std::uint64_t id) const {
    const State& state = *state_;
    const std::scoped_lock lock(state.mutex);
    if (!state.queue.empty()) return 0;
    const State::Grant& grant = state.grants.find(id)->second;
    ExtentAllocator without = state.allocator;
    without.free(grant.offset, grant.bytes);
    return std::min(without.largest_gap(), state.free_bytes() + grant.bytes);
}

void TensorPool::release(std::uint64_t id) noexcept {
    State& state = *state_;
    std::unique_lock lock(state.mutex);
    const auto grant = state.grants.find(id);
    const std::uint64_t offset = grant->second.offset;
    const std::uint64_t bytes = grant->second.bytes;
    // The bytes stay granted while their pages go back, which may take long.
    lock.unlock();
    state.device.discard(state.slab + offset, bytes);
    lock.lock();
    state.grants.erase(grant);
    state.allocator.free(offset, bytes);
    state.used -= bytes;
    ++state.releases;
    state.notify();
}

std::uint64_t TensorPool::set_size(std::uint64_t bytes) {
    State& state = *state_;
    const std::scoped_lock lock(state.mutex);
    constexpr std::uint64_t kGranule = ExtentAllocator::kSmallGranule;
    state.size = std::clamp(bytes / kGranule * kGranule, kGranule, state.allocator.bytes());
    ++state.releases;
    state.notify();
    return state.size;
}

PoolSummary TensorPool::summary() const {
    const State& state = *state_;
    const std::scoped_lock lock(state.mutex);
    PoolSummary summary;
    summary.size = state.size;
    summary.used = state.used;
    summary.high_water = state.high_water;
    summary.largest_free = std::min(state.allocator.largest_gap(), state.free_bytes());
    summary.granted = static_cast<int>(state.grants.size());
    summary.queued = static_cast<int>(state.queue.size());
    return summary;
}

std::vector<PoolRow> TensorPool::rows() const {
    const State& state = *state_;
    const std::scoped_lock lock(state.mutex);
    std::vector<PoolRow> rows;
    rows.reserve(state.grants.size() + state.queue.size());
    for (const auto& [id, grant] : state.grants)
        rows.push_back({grant.owner, "granted", grant.bytes, seconds_since(grant.since)});
    for (const State::Request& request : state.queue)
        rows.push_back({request.owner, "queued", request.bytes, seconds_since(request.since)});
    return rows;
}

void TensorPool::wake() noexcept {
    const std::scoped_lock lock(state_->mutex);
    state_->notify();
}

std::uint64_t TensorPool::releases() const noexcept {
    return state_->releases.load();
}

bool TensorPool::has_waiters() const noexcept {
    return state_->queued.load() > 0;
}

}  // namespace tensile
