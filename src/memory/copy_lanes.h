// Copies between the tensor pool and host stores, beside compute: one thread a direction for all jobs.
//
// A plan has two queues of copies, one a direction, which are performed in order, execution after execution. Whoever
// runs the plan says only two things: that an execution begins, and how many of its ops are complete. The lanes find
// out by themselves which copies may begin, so copies follow each other, and the copies of the other direction, while
// the compute thread is inside a long op.
//
// The protocol. Each of the three queues of a plan (ops, copies out, copies in) has one counter of complete actions
// over all executions. An action that waits for an action of another queue waits for that queue's counter to pass it;
// since a queue completes in order, this is the same. The op counter is written by the compute thread (complete_ops),
// each copy counter by its lane. A lane that has nothing to do sleeps; it is woken by begin_execution(), by
// complete_ops() and by the other lane's completions. The compute thread calls complete_ops() only for the ops that
// some copy waits for.
//
// The lanes serve the queues of all jobs in turn, one piece (kCopyPiece) each, so that a large copy of one job delays
// the others by one piece. On an asynchronous device a piece passes through a buffer of its lane, by a stream of its
// lane, and the compute thread calls complete_ops() when the ops are complete on the device. After the first error of a
// queue nothing more of it is copied, and who waits for it gets the error. Nothing is allocated per copy. Knows no
// programs and no sessions.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "device/device.h"
#include "memory/device_bridge.h"
#include "memory/host_store.h"
#include "memory/link.h"
#include "planner/plan.h"

namespace tensile {

// Numbers of actions, by queue (planner/plan.h: queue_of).
using QueueCounts = std::array<std::uint32_t, kQueues>;

struct CopyTask {
    std::byte* device = nullptr;
    std::uint64_t host_offset = 0;
    std::uint64_t bytes = 0;
    QueueCounts after{};           // complete in this execution before the copy begins
    QueueCounts after_previous{};  // complete in the previous one
};

struct CopyCounters {
    std::uint64_t out_bytes = 0;
    std::uint64_t in_bytes = 0;
};

// Of one direction, all jobs together.
struct LaneTraffic {
    std::uint64_t moved_bytes = 0;
    std::uint64_t queued_bytes = 0;  // of copies that could begin or have begun, without what is done of them
};

class CopyQueues;

class CopyLanes {
  public:
    // `link` is told of every piece. The threads start with the first queues. `bridge`: null on a synchronous device.
    explicit CopyLanes(Link& link, DeviceBridge* bridge = nullptr);
    // No queues are left.
    ~CopyLanes();
    CopyLanes(const CopyLanes&) = delete;
    CopyLanes& operator=(const CopyLanes&) = delete;

    LaneTraffic traffic(CopyDirection direction) const;

  private:
    friend class CopyQueues;
    struct State;
    std::unique_ptr<State> state_;
};

// The copies of one plan. Used by one thread at a time (the lanes apart), except counters().
class CopyQueues {
  public:
    // `ops`: runs of ops in one execution. `store` outlives the queues.
    CopyQueues(CopyLanes& lanes, HostStore& store, std::uint32_t ops, std::vector<CopyTask> out,
               std::vector<CopyTask> in);
    // Cancels what is under way.
    ~CopyQueues();
    CopyQueues(const CopyQueues&) = delete;
    CopyQueues& operator=(const CopyQueues&) = delete;

    // All ops and copies in of the execution before are complete; its copies out need not be.
    void begin_execution();
    // The first `count` ops of this execution are complete.
    void complete_ops(std::uint32_t count) noexcept;

    // Whether the first `count` copies of this execution are complete; of the previous one. An execution that has never
    // begun has nothing to wait for.
    bool is_complete(CopyDirection direction, std::uint32_t count) const noexcept;
    bool is_previous_complete(CopyDirection direction, std::uint32_t count) const noexcept;
    // Wait for the same. kStopped when `stop` was set meanwhile (noticed within 5 ms); throw the error of the queue's
    // copies.
    LaunchStatus wait(CopyDirection direction, std::uint32_t count, const StopFlag* stop);
    LaunchStatus wait_previous(CopyDirection direction, std::uint32_t count, const StopFlag* stop);
    // Waits for every copy of all executions begun.
    LaunchStatus drain(const StopFlag* stop);
    bool is_drained() const noexcept;

    // Drops the copies that have not begun and returns when no lane touches memory or store any more: within one piece.
    // What the host store holds is then undefined, and nothing more is copied.
    void cancel() noexcept;

    // Where the tensors are from now on; only while the queues are drained.
    CopyTask& task(CopyDirection direction, std::size_t index);

    CopyCounters counters() const noexcept;

  private:
    friend class CopyLanes;

    struct Lane {
        std::vector<CopyTask> tasks;
        std::atomic<std::uint64_t> complete{0};  // tasks, over all executions; written under the lanes' lock
        std::atomic<std::uint64_t> bytes{0};
        std::uint64_t progress = 0;  // bytes of the current task
        bool is_busy = false;        // its lane performs a piece
    };

    const Lane& lane(CopyDirection direction) const { return directions_[static_cast<std::size_t>(direction)]; }
    Lane& lane(CopyDirection direction) { return directions_[static_cast<std::size_t>(direction)]; }
    bool has_passed(CopyDirection direction, std::uint64_t complete) const noexcept;
    LaunchStatus wait_until(CopyDirection direction, std::uint64_t complete, const StopFlag* stop);
    // Under the lanes' lock.
    bool is_ready(CopyDirection direction) const noexcept;
    bool has_reached(const QueueCounts& counts, std::uint64_t execution) const noexcept;

    CopyLanes::State& lanes_;
    HostStore& store_;
    const std::uint32_t ops_;
    std::array<Lane, kCopyDirections> directions_;
    std::atomic<std::uint64_t> ops_complete_{0};  // over all executions
    std::uint64_t executions_ = 0;                // begun; written by the owner under the lanes' lock
    bool is_canceled_ = false;                    // guarded by the lanes' lock
    std::exception_ptr failure_;                  // guarded by the lanes' lock
    std::condition_variable changed_;             // a copy is complete, has failed, or a piece ends after cancel()
};

}  // namespace tensile
