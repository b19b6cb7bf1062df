// The two threads and their one lock; see copy_lanes.h for the protocol.
#include "memory/copy_lanes.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "tensor/error.h"

namespace tensile {

namespace {

using Clock = std::chrono::steady_clock;

// How often one who waits for a copy looks at its stop flag.
constexpr std::chrono::milliseconds kLookAtStop{5};

std::size_t index_of(CopyDirection direction) {
    return static_cast<std::size_t>(direction);
}

CopyDirection other(CopyDirection direction) {
    return direction == CopyDirection::kOut ? CopyDirection::kIn : CopyDirection::kOut;
}

// How the pieces of one direction get past an asynchronous device.
class Bounce {
  public:
    Bounce(DeviceBridge& bridge, CopyDirection direction)
        : stream_(bridge.device().create_stream(
              direction == CopyDirection::kOut ? StreamClass::kCopyOut : StreamClass::kCopyIn,
              StreamPriority::kTraining)),
          buffer_(bridge.arena().take(kCopyPiece, "spill files")) {}

    void write(HostStore& store, std::uint64_t offset, const std::byte* device, std::uint64_t bytes) {
        stream_->copy(buffer_.data(), device, bytes);
        stream_->synchronize();
        store.write(offset, {buffer_.data(), bytes});
    }
    void read(HostStore& store, std::uint64_t offset, std::byte* device, std::uint64_t bytes) {
        store.read(offset, {buffer_.data(), bytes});
        stream_->copy(device, buffer_.data(), bytes);
        stream_->synchronize();
    }

  private:
    std::unique_ptr<Stream> stream_;
    HostBuffer buffer_;
};

}  // namespace

struct CopyLanes::State {
    State(Link& observed, DeviceBridge* bridge) : link(observed) {
        if (bridge == nullptr) return;
        for (const CopyDirection direction : {CopyDirection::kOut, CopyDirection::kIn})
            bounces[index_of(direction)] = std::make_unique<Bounce>(*bridge, direction);
    }

    void start() {
        if (threads[0].joinable()) return;
        for (const CopyDirection direction : {CopyDirection::kOut, CopyDirection::kIn})
            threads[index_of(direction)] = std::thread([this, direction] { serve(direction); });
    }
    void stop() {
        {
            const std::scoped_lock lock(mutex);
            is_stopping = true;
            wake();
        }
        for (std::thread& thread : threads)
            if (thread.joinable()) thread.join();
    }
    // Under the lock.
    void wake() noexcept {
        for (std::condition_variable& condition : changed)
            condition.notify_one();
    }

    void serve(CopyDirection direction);
    CopyQueues* next_ready(CopyDirection direction) noexcept;
    void perform_piece(CopyQueues& queues, CopyDirection direction, std::unique_lock<std::mutex>& lock) noexcept;
    void transfer(HostStore& store, CopyDirection direction, std::uint64_t offset, std::byte* device,
                  std::uint64_t bytes);

    Link& link;
    std::array<std::unique_ptr<Bounce>, kCopyDirections> bounces;  // null on a synchronous device
    std::mutex mutex;
    std::array<std::condition_variable, kCopyDirections> changed;  // there may be something to do for that lane
    std::array<std::size_t, kCopyDirections> turn{};               // where the search for work begins
    std::array<bool, kCopyDirections> is_busy{};
    std::array<std::uint64_t, kCopyDirections> moved_bytes{};
    std::vector<CopyQueues*> clients;
    bool is_stopping = false;
    std::array<std::thread, kCopyDirections> threads;
};

void CopyLanes::State::serve(CopyDirection direction) {
    std::unique_lock lock(mutex);
    while (!is_stopping) {
        if (CopyQueues* const queues = next_ready(direction))
            perform_piece(*queues, direction, lock);
        else
            changed[index_of(direction)].wait(lock);
    }
}

CopyQueues* CopyLanes::State::next_ready(CopyDirection direction) noexcept {
    std::size_t& begin = turn[index_of(direction)];
    for (std::size_t i = 0; i < clients.size(); ++i) {
        const std::size_t client = (begin + i) % clients.size();
        if (!clients[client]->is_ready(direction)) continue;
        begin = client + 1;
        return clients[client];
    }
    return nullptr;
}

void CopyLanes::State::transfer(HostStore& store, CopyDirection direction, std::uint64_t offset, std::byte* device,
                                std::uint64_t bytes) {
    Bounce* const bounce = bounces[index_of(direction)].get();
    const bool is_out = direction == CopyDirection::kOut;
    if (bounce != nullptr && is_out)
        bounce->write(store, offset, device, bytes);
    else if (bounce != nullptr)
        bounce->read(store, offset, device, bytes);
    else if (is_out)
        store.write(offset, {device, bytes});
    else
        store.read(offset, {device, bytes});
}

void CopyLanes::State::perform_piece(CopyQueues& queues, CopyDirection direction,
                                     std::unique_lock<std::mutex>& lock) noexcept {
    CopyQueues::Lane& lane = queues.lane(direction);
    const CopyTask task = lane.tasks[lane.complete.load(std::memory_order_relaxed) % lane.tasks.size()];
    const std::uint64_t position = lane.progress;
    const std::uint64_t bytes = std::min(task.bytes - position, kCopyPiece);
    const bool was_shared = is_busy[index_of(other(direction))];
    lane.is_busy = true;
    is_busy[index_of(direction)] = true;
    lock.unlock();

    std::exception_ptr failure;
    const auto begin = Clock::now();
    try {
        transfer(queues.store_, direction, task.host_offset + position, task.device + position, bytes);
    } catch (...) {
        failure = std::current_exception();
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();

    lock.lock();
    lane.is_busy = false;
    is_busy[index_of(direction)] = false;
    if (failure) {
        if (!queues.failure_) queues.failure_ = failure;
        queues.changed_.notify_all();
        return;
    }
    // Only when it was so at both ends is it sure to be so in between.
    const bool is_shared = is_busy[index_of(other(direction))];
    if (was_shared == is_shared) link.observe(direction, bytes, seconds, is_shared);
    lane.bytes.fetch_add(bytes, std::memory_order_relaxed);
    moved_bytes[index_of(direction)] += bytes;
    lane.progress += bytes;
    if (lane.progress == task.bytes) {
        lane.progress = 0;
        lane.complete.fetch_add(1, std::memory_order_release);
        changed[index_of(other(direction))].notify_one();
        queues.changed_.notify_all();
    } else if (queues.is_canceled_) {
        queues.changed_.notify_all();
    }
}

LaneTraffic CopyLanes::traffic(CopyDirection direction) const {
    const std::scoped_lock lock(state_->mutex);
    LaneTraffic traffic;
    traffic.moved_bytes = state_->moved_bytes[index_of(direction)];
    for (CopyQueues* const client : state_->clients) {
        const CopyQueues::Lane& lane = client->lane(direction);
        if (!lane.is_busy && !client->is_ready(direction)) continue;
        const CopyTask& task = lane.tasks[lane.complete.load(std::memory_order_relaxed) % lane.tasks.size()];
        traffic.queued_bytes += task.bytes - lane.progress;
    }
    return traffic;
}

CopyLanes::CopyLanes(Link& link, DeviceBridge* bridge) : state_(std::make_unique<State>(link, bridge)) {}

CopyLanes::~CopyLanes() {
    state_->stop();
}

CopyQueues::CopyQueues(CopyLanes& lanes, HostStore& store, std::uint32_t ops, std::vector<CopyTask> out,
                       std::vector<CopyTask> in)
    : lanes_(*lanes.state_), store_(store), ops_(ops) {
    lane(CopyDirection::kOut).tasks = std::move(out);
    lane(CopyDirection::kIn).tasks = std::move(in);
    for (const Lane& direction : directions_)
        for (const CopyTask& task : direction.tasks)
            if (task.bytes == 0 || task.host_offset > store.bytes() || task.bytes > store.bytes() - task.host_offset)
                throw InternalError("a copy lies outside its host store");
    const std::scoped_lock lock(lanes_.mutex);
    lanes_.clients.push_back(this);
    lanes_.start();
}

CopyQueues::~CopyQueues() {
    cancel();
    const std::scoped_lock lock(lanes_.mutex);
    std::erase(lanes_.clients, this);
}

void CopyQueues::begin_execution() {
    const std::scoped_lock lock(lanes_.mutex);
    if (failure_) std::rethrow_exception(failure_);
    ++executions_;
    lanes_.wake();
}

void CopyQueues::complete_ops(std::uint32_t count) noexcept {
    // Under the lock, so that a lane that has just found nothing to do is asleep when it is woken.
    const std::scoped_lock lock(lanes_.mutex);
    ops_complete_.store((executions_ - 1) * ops_ + count, std::memory_order_release);
    lanes_.wake();
}

bool CopyQueues::has_reached(const QueueCounts& counts, std::uint64_t execution) const noexcept {
    const auto reached = [&](std::uint64_t complete, std::uint64_t per_execution, ActionKind kind) {
        return complete >= execution * per_execution + counts[queue_of(kind)];
    };
    const Lane& out = lane(CopyDirection::kOut);
    const Lane& in = lane(CopyDirection::kIn);
    return (counts[queue_of(ActionKind::kRun)] == 0 ||
            reached(ops_complete_.load(std::memory_order_acquire), ops_, ActionKind::kRun)) &&
           (counts[queue_of(ActionKind::kCopyOut)] == 0 ||
            reached(out.complete.load(std::memory_order_acquire), out.tasks.size(), ActionKind::kCopyOut)) &&
           (counts[queue_of(ActionKind::kCopyIn)] == 0 ||
            reached(in.complete.load(std::memory_order_acquire), in.tasks.size(), ActionKind::kCopyIn));
}

bool CopyQueues::is_ready(CopyDirection direction) const noexcept {
    if (is_canceled_ || failure_) return false;
    const Lane& own = lane(direction);
    const std::uint64_t next = own.complete.load(std::memory_order_relaxed);
    if (own.tasks.empty() || next >= executions_ * own.tasks.size()) return false;
    if (own.progress > 0) return true;
    const CopyTask& task = own.tasks[next % own.tasks.size()];
    const std::uint64_t execution = next / own.tasks.size();
    return has_reached(task.after, execution) && (execution == 0 || has_reached(task.after_previous, execution - 1));
}

bool CopyQueues::has_passed(CopyDirection direction, std::uint64_t complete) const noexcept {
    return lane(direction).complete.load(std::memory_order_acquire) >= complete;
}

bool CopyQueues::is_complete(CopyDirection direction, std::uint32_t count) const noexcept {
    return count == 0 || executions_ == 0 ||
           has_passed(direction, (executions_ - 1) * lane(direction).tasks.size() + count);
}

bool CopyQueues::is_previous_complete(CopyDirection direction, std::uint32_t count) const noexcept {
    return count == 0 || executions_ < 2 ||
           has_passed(direction, (executions_ - 2) * lane(direction).tasks.size() + count);
}

LaunchStatus CopyQueues::wait_until(CopyDirection direction, std::uint64_t complete, const StopFlag* stop) {
    std::unique_lock lock(lanes_.mutex);
    while (!has_passed(direction, complete)) {
        if (failure_) std::rethrow_exception(failure_);
        if (is_canceled_) throw InternalError("copies are waited for that were canceled");
        if (stop != nullptr && stop->load(std::memory_order_relaxed)) return LaunchStatus::kStopped;
        changed_.wait_for(lock, kLookAtStop);
    }
    return LaunchStatus::kCompleted;
}

LaunchStatus CopyQueues::wait(CopyDirection direction, std::uint32_t count, const StopFlag* stop) {
    if (is_complete(direction, count)) return LaunchStatus::kCompleted;
    return wait_until(direction, (executions_ - 1) * lane(direction).tasks.size() + count, stop);
}

LaunchStatus CopyQueues::wait_previous(CopyDirection direction, std::uint32_t count, const StopFlag* stop) {
    if (is_previous_complete(direction, count)) return LaunchStatus::kCompleted;
    return wait_until(direction, (executions_ - 2) * lane(direction).tasks.size() + count, stop);
}

bool CopyQueues::is_drained() const noexcept {
    for (const Lane& direction : directions_)
        if (direction.complete.load(std::memory_order_acquire) < executions_ * direction.tasks.size()) return false;
    return true;
}

LaunchStatus CopyQueues::drain(const StopFlag* stop) {
    for (const CopyDirection direction : {CopyDirection::kOut, CopyDirection::kIn}) {
        const std::uint64_t all = executions_ * lane(direction).tasks.size();
        if (has_passed(direction, all)) continue;
        if (wait_until(direction, all, stop) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
    }
    return LaunchStatus::kCompleted;
}

void CopyQueues::cancel() noexcept {
    std::unique_lock lock(lanes_.mutex);
    is_canceled_ = true;
    changed_.wait(lock, [this] { return !directions_[0].is_busy && !directions_[1].is_busy; });
}

CopyTask& CopyQueues::task(CopyDirection direction, std::size_t index) {
    if (!is_drained()) throw InternalError("the place of a tensor changes while it is copied");
    return lane(direction).tasks[index];
}

CopyCounters CopyQueues::counters() const noexcept {
    return {lane(CopyDirection::kOut).bytes.load(std::memory_order_relaxed),
            lane(CopyDirection::kIn).bytes.load(std::memory_order_relaxed)};
}

}  // namespace tensile
