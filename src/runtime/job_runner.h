// Runs a job: takes one extent from the pool, places variables and programs in it, and executes what the driver asks
// for until it is finished or stopped. Jobs of several sessions take turns on the compute stream through the arbiter.
// Knows no model family, session or database.
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
#include "memory/tensor_pool.h"
#include "planner/cost_model.h"
#include "runtime/arbiter.h"
#include "runtime/job_usage.h"
#include "runtime/plan_rows.h"
#include "runtime/program_instance.h"

namespace tensile {

// What tensile.tensors shows of one tensor of a running job.
struct TensorRow {
    std::string job;
    std::string program;  // empty for variables
    std::string tensor;
    std::string kind;  // variable, input, result, scratch, constant
    std::uint64_t bytes = 0;
    std::uint64_t offset = 0;  // within the job's extent
};

class JobRunner {
  public:
    // Lowers and plans every program. Nothing is taken from the pool yet. `job` outlives the runner.
    JobRunner(Device& device, Arbiter& arbiter, Job& job, std::string label);
    ~JobRunner();

    // Bytes of the extent the job needs: variables + the greatest program; this is also its stated minimum (swapping
    // below it is the planner's next step).
    std::uint64_t extent_bytes() const;

    // Waits for the extent (see TensorPool::acquire) and initializes the variables.
    void admit(TensorPool& pool, const PoolOwner& owner, std::optional<std::chrono::milliseconds> timeout,
               const StopFlag* stop);

    // Runs to the end. `after_step` is called between steps on this thread (progress, logs). Throws Error 57014 when
    // `stop` was set; the extent is free again once the runner is destroyed.
    void run(const StopFlag* stop, const std::function<void()>& after_step);

    // The buffer of variable i (by job.variables order), valid between admit() and destruction.
    TensorView variable(int index) const;

    std::vector<TensorRow> tensors() const;
    JobUsage usage() const;
    // What the plan decides for each tensor, with the seconds that `costs` expects.
    std::vector<PlanRow> plan(CostModel& costs) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tensile
