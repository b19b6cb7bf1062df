// The event clock: executes plans exactly as the runtime does, in computed time instead of real time.
//
// A judge of plans and of admission: every figure follows from op times, copy sizes and the model of the link, and is
// the same at every run. Each job has a queue of ops and one of copies in each direction. The compute device is one:
// jobs take turns of a whole step, in order of asking. The link is one: copies of several jobs in one direction share
// its rate equally, and both directions share the rate of both together; within a job and a direction copies are done
// one after another. The pool is one: a job's state stays while the job is there, the step region of a plan is taken
// whole before a step begins and given back after its last copy, in order of asking; so nobody holds one part of what
// it needs while it waits for another. While it runs, the clock sees to it that no two open places of a job overlap and
// that the pool is never exceeded; it throws InternalError where a plan breaks that. Knows neither devices nor memory.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/lowered.h"
#include "planner/link_model.h"
#include "planner/plan.h"

namespace tensile {

struct ClockProgram {
    const LoweredProgram* program = nullptr;
    const Plan* plan = nullptr;
    std::vector<double> op_seconds;  // by lowered op: time of one run
};

// Executes its programs in turn.
struct ClockJob {
    std::vector<ClockProgram> cycle;
    int steps = 2;  // executions of programs in all
    double arrival_seconds = 0;
};

struct ClockRequest {
    std::span<const ClockJob> jobs;
    LinkModel link;
    std::uint64_t budget_bytes = 0;  // of the pool
    bool with_timeline = false;
};

// What the queue of ops waits for while it does not run.
enum class StallCause : std::uint8_t {
    kCopyIn,   // content that is on its way in
    kCopyOut,  // bytes that are on their way out
    kTurn,     // another job computes
    kPool,     // the state or step region does not fit yet
};
inline constexpr std::size_t kStallCauses = 4;

struct TimelineEntry {
    std::int32_t job = 0;
    std::int32_t step = 0;
    std::int32_t action = 0;  // of the step's plan
    double begin = 0;
    double end = 0;
};

// Bytes of places that are open, of all jobs, from this time on.
struct MemoryPoint {
    double seconds = 0;
    std::uint64_t bytes = 0;
};

struct JobTimes {
    double end_seconds = 0;                               // all copies complete
    std::vector<double> step_ends;                        // ops and copies in of each step complete
    double compute_seconds = 0;                           // recomputation included
    double recompute_seconds = 0;                         // runs of ops that had run before in the same step
    std::array<double, kStallCauses> stall_seconds = {};  // between arrival and the end of the last op
    std::array<double, kQueues> busy_seconds = {};        // of each queue; of copies: while one is under way
    std::uint64_t in_bytes = 0;
    std::uint64_t out_bytes = 0;
    std::uint64_t live_peak_bytes = 0;  // greatest sum of open places

    // Of one cycle in the steady state: from the end of the last but one to the end of the last.
    double cycle_seconds(std::size_t cycle_length = 1) const {
        const std::size_t count = step_ends.size();
        return count <= cycle_length ? step_ends.back() : step_ends[count - 1] - step_ends[count - 1 - cycle_length];
    }
};

struct ClockResult {
    double makespan_seconds = 0;
    std::vector<JobTimes> jobs;
    std::uint64_t reserved_peak_bytes = 0;          // states and step regions, of all jobs together
    std::array<double, kQueues> busy_seconds = {};  // while any job's queue is busy
    std::vector<TimelineEntry> timeline;            // in order of ends; only when asked for
    std::vector<MemoryPoint> memory;                // only when asked for
};

// Throws Error 54000 when a job does not fit into the budget alone.
ClockResult run_clock(const ClockRequest& request);

// One job alone on the link and in a pool of its plan's extent.
ClockResult run_clock_alone(const LoweredProgram& program, const Plan& plan, std::span<const double> op_seconds,
                            const LinkModel& link, int steps = 4, bool with_timeline = false);

}  // namespace tensile
