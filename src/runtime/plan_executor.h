// Running plans that move tensors or compute them twice: what every way of doing it promises, and what it is given.
//
// Lanes (lane_plan_executor.h) copy with host threads and find out from counters when a copy may begin; events
// (event_plan_executor.h) leave the order to the device's streams. Both run the same compiled plan and give the same
// bits. At the end of a run all ops and copies in are complete and outputs can be read; copies out may still be under
// way, and the next run of the same plan waits for those that it names.
//
// A run that is stopped, or fails, ends its copies before it returns: nothing touches the extent any more. Host copies
// and variables are then undefined, and the executor cannot be used again. Nothing is allocated by a run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "device/device.h"
#include "memory/copy_lanes.h"
#include "memory/host_store.h"
#include "planner/plan.h"
#include "runtime/instance_staging.h"
#include "runtime/step_costs.h"

namespace tensile {

// What moving tensors has cost one program so far.
struct MoveCounters {
    std::uint64_t out_bytes = 0;
    std::uint64_t in_bytes = 0;
    double recompute_seconds = 0;  // of ops that ran again
    double stall_seconds = 0;      // ops waited for copies
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
    virtual ~PlanExecutor() = default;

    // Inputs are written on the device only after this; a run with staging does it itself. Both: kStopped when `stop`
    // was set meanwhile; throw the error of a copy.
    virtual LaunchStatus wait_for_feed(const StopFlag* stop) = 0;
    // `staging`: copied in first and out last; null on a synchronous device.
    virtual LaunchStatus run(Stream& stream, const LaunchContext& context, const OpTimes& times,
                             const InstanceStaging* staging) = 0;

    // Waits for the copies out that are still under way, before anybody else uses the bytes of the step region.
    virtual LaunchStatus drain(const StopFlag* stop) = 0;
    // Gives them up.
    virtual void cancel() noexcept = 0;

    // The step region has moved; only while drained. Tensors with one place are the caller's business.
    virtual void set_step_region(std::byte* step) = 0;

    virtual MoveCounters counters() const noexcept = 0;
};

}  // namespace tensile
