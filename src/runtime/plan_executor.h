// Runs plans that move tensors or compute them twice: ops in the order of the list on the caller's thread, copies on
// the lanes (memory/copy_lanes.h).
//
// Who triggers what. Everything that a run needs is compiled from the plan once: of each op the tensors that have moved
// since the op before it, how many copies of each direction it waits for, and whether a copy waits for it; of each copy
// the same. At run time the caller's thread announces the execution, then goes through the ops: it waits for the
// copies that an op names, sets the addresses that have changed, launches, and tells the lanes of those ops that a copy
// waits for. The lanes begin every copy by themselves. At the end of a run all ops and copies in are complete; copies
// out may still be under way, and the next run of the same plan waits for those that it names.
//
// A run that is stopped, or fails, cancels its copies before it returns: nothing touches the extent any more. Host
// copies and variables are then undefined, and the executor cannot be used again. Nothing is allocated by a run.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/device.h"
#include "memory/copy_lanes.h"
#include "memory/host_store.h"
#include "planner/plan.h"
#include "runtime/step_costs.h"

namespace tensile {

// What moving tensors has cost one program so far.
struct MoveCounters {
    std::uint64_t out_bytes = 0;
    std::uint64_t in_bytes = 0;
    double recompute_seconds = 0;  // of ops that ran again
    double stall_seconds = 0;      // the compute thread waited for copies
    MoveCounters& operator+=(const MoveCounters& other);
};

// The two parts of a plan's extent: the job's own bytes, and those that only a running program uses.
struct ExtentParts {
    std::byte* state = nullptr;  // Plan::state_bytes
    std::byte* step = nullptr;   // Plan::step_bytes()

    std::byte* address(const Plan& plan, std::uint64_t offset) const {
        return offset < plan.state_bytes ? state + offset : step + (offset - plan.state_bytes);
    }
};

// Where a job keeps its host copies.
struct HostCopies {
    CopyLanes* lanes = nullptr;
    HostStore* store = nullptr;          // null: nothing is copied
    std::vector<std::uint64_t> offsets;  // in the store, by lowered tensor; kNoOffset for those that are never copied
};

// Whether each lowered tensor is ever copied by the plan.
std::vector<bool> copied_tensors(const LoweredProgram& program, const Plan& plan);

class PlanExecutor {
  public:
    // `plan` and `binding` outlive the executor; the store and the lanes too.
    PlanExecutor(const LoweredProgram& program, const Plan& plan, Binding& binding, const ExtentParts& parts,
                 const HostCopies& copies);

    // Inputs are written only after this. Both: kStopped when `stop` was set meanwhile; throw the error of a copy.
    LaunchStatus wait_for_feed(const StopFlag* stop);
    LaunchStatus run(Stream& stream, const LaunchContext& context, const OpTimes& times = {});

    // Waits for the copies out that are still under way, before anybody else uses the bytes of the step region.
    LaunchStatus drain(const StopFlag* stop) { return queues_->drain(stop); }
    bool is_drained() const noexcept { return queues_->is_drained(); }
    // Gives them up.
    void cancel() noexcept { queues_->cancel(); }

    // The step region has moved; only while drained. Tensors with one place are the caller's business.
    void set_step_region(std::byte* step);

    MoveCounters counters() const noexcept;

  private:
    // The tensor is at that offset from the next op on.
    struct Move {
        std::int32_t tensor = 0;
        std::uint64_t offset = 0;
    };
    struct Step {
        std::int32_t op = 0;
        bool is_repeated = false;   // a recomputation
        bool is_awaited = false;    // a copy waits for it
        std::size_t moves_end = 0;  // its moves follow those of the step before
        QueueCounts after{};
        QueueCounts after_previous{};
    };
    struct Copy {
        std::uint64_t offset = 0;  // of the place, in the extent
    };
    class CancelUnlessDone;

    void compile(const LoweredProgram& program, const HostCopies& copies);
    QueueCounts counts(const std::vector<std::int32_t>& waits) const;
    void apply(std::size_t begin, std::size_t end);
    LaunchStatus wait_for_copies(const Step& step, const StopFlag* stop);
    LaunchStatus launch(Stream& stream, const Step& step, const LaunchContext& context, const OpTimes& times);

    const Plan& plan_;
    Binding& binding_;
    ExtentParts parts_;
    std::vector<std::uint32_t> position_;  // by action: its number in its queue, from 1
    std::vector<Move> moves_;              // those at the beginning of a run, then those of each step
    std::size_t initial_moves_ = 0;
    std::vector<Step> steps_;
    std::array<std::vector<Copy>, kCopyDirections> copies_;
    QueueCounts feed_after_{};
    std::unique_ptr<CopyQueues> queues_;
    std::atomic<double> recompute_seconds_{0};  // written by the running thread only
    std::atomic<double> stall_seconds_{0};
};

}  // namespace tensile
