// Runs a job: gets its memory, initializes its variables, and executes what the driver asks for until it is finished or
// stopped. Jobs of several sessions take turns on the compute stream through the arbiter; all that touches the shared
// step region (feeding, running, reading outputs) happens inside a turn. Knows no model family, session or database.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/job.h"
#include "memory/pool_share.h"
#include "memory/tensor_pool.h"
#include "planner/cost_model.h"
#include "runtime/arbiter.h"
#include "runtime/job_memory.h"
#include "runtime/plan_executor.h"
#include "runtime/plan_rows.h"

namespace tensile {

// What tensile.tensors shows of one tensor of a running job.
struct TensorRow {
    std::string job;
    std::string program;  // empty for variables
    std::string tensor;
    std::string kind;  // variable, input, result, scratch, constant
    std::uint64_t bytes = 0;
    // Within the job's state followed by the step region; of a tensor with several places the last. Nothing for a
    // variable that is at home on the host.
    std::optional<std::uint64_t> offset;
};

// What tensile.pool shows of one running job.
struct JobUsage {
    std::uint64_t comfortable_bytes = 0;  // with which nothing would move
    std::uint64_t granted_bytes = 0;      // state and the part of the step region that it uses
    std::uint64_t resident_bytes = 0;     // of them the state, held between steps too
    std::uint64_t host_bytes = 0;         // of its tier of host copies
    std::uint64_t replans = 0;            // plans that have replaced the first one
    MoveCounters moved;                   // so far
};

class JobRunner {
  public:
    // Lowers every program and plans it in place. Nothing is taken from the pool yet. `job` outlives the runner.
    JobRunner(Device& device, Arbiter& arbiter, Job& job, std::string label, Precision precision = Precision::kFloat32);
    ~JobRunner();

    // Bytes with which nothing moves: variables, constants, and the step region of the greatest program.
    std::uint64_t extent_bytes() const;

    // Waits for memory (runtime/job_admission.h) and initializes the variables. `memory` outlives the runner.
    // `share`: of the pool that the job may have.
    void admit(JobMemory& memory, const PoolOwner& owner, std::optional<std::chrono::milliseconds> timeout,
               const StopFlag* stop, const PoolShare& share = PoolShare());

    // Runs to the end. `after_step` is called between steps on this thread (progress, logs). Throws Error 57014 when
    // `stop` was set; everything is free again once the runner is destroyed.
    void run(const StopFlag* stop, const std::function<void()>& after_step);

    // Copies the content of variable `index` (by job.variables order) to `to`, which is as long; wherever it is at
    // home. Between admit() and destruction, outside of run(), unless run() was stopped.
    void read_variable(int index, std::span<std::byte> to);

    // All: any thread, after admit().
    std::vector<TensorRow> tensors() const;
    JobUsage usage() const;
    // What the plan decides for each tensor, with the seconds that are expected now.
    std::vector<PlanRow> plan() const;
    // What the cost model knows of the ops in this job's programs.
    std::vector<CostFigure> cost_figures(std::size_t limit) const;
    // Which algorithms the device has chosen for them.
    AlgorithmChoices algorithm_choices() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tensile
