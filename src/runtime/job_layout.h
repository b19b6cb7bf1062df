// Where everything of a job lies: variables and constants in its state, programs' tensors in the step region, host
// copies in its spill file. Pure arithmetic over plans; takes no memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "graph/job.h"
#include "planner/cost_model.h"
#include "planner/job_planner.h"
#include "planner/plan.h"
#include "runtime/program_instance.h"

namespace tensile {

// A program of a job, lowered.
struct JobProgram {
    std::shared_ptr<PlannedProgram> planned;
    std::vector<std::size_t> variables;  // the job's variable, by program variable
};

struct JobLayout {
    std::vector<TensorHome> variables;     // by variable of the job; resident offsets are within the state
    std::vector<std::uint64_t> constants;  // by program: offset of its constants in the state
    std::vector<Plan> plans;               // by program
    std::uint64_t state_bytes = 0;         // resident variables and constants
    std::uint64_t step_bytes = 0;          // the greatest step region, and room to initialize any variable at home away
    // In the spill file: variables at home there, then the copies that live within one execution, for which the
    // programs share the same bytes, since they do not run at once.
    std::vector<std::uint64_t> variable_copies;             // by variable; kNoOffset for resident ones
    std::vector<std::vector<std::uint64_t>> tensor_copies;  // by program and lowered tensor; kNoOffset: never copied
    std::uint64_t host_bytes = 0;

    std::uint64_t extent_bytes() const { return state_bytes + step_bytes; }
};

// Nothing moves; variables lie outside the plans, one after another.
JobLayout lay_out_in_place(std::span<const JobProgram> programs, std::span<const Variable> variables);
// As planned; constants behind the plan's state.
JobLayout lay_out_planned(std::span<const JobProgram> programs, std::span<const Variable> variables, JobPlan plan);

// What a planner is asked. Owns what the request points to.
class JobQuestion {
  public:
    JobQuestion(std::span<const JobProgram> programs, std::span<const Variable> variables, const LinkModel& link,
                CostModel& costs);
    JobQuestion(const JobQuestion&) = delete;
    JobQuestion& operator=(const JobQuestion&) = delete;
    const JobRequest& request() const { return request_; }

  private:
    std::vector<ProgramTask> tasks_;
    std::vector<std::uint64_t> variable_bytes_;
    JobRequest request_;
};

}  // namespace tensile
