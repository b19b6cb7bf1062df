// Plans that move as much as they can, for the tests of their execution: every tensor leaves the extent between any two
// uses that are not next to each other, by a copy or, where its op can run again, by recomputation.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/lowered.h"
#include "planner/plan.h"
#include "runtime/job_memory.h"

namespace tensile {

struct MovingPlanOptions {
    bool swaps = true;
    bool recomputes = false;
    // Variables at home in the host store; the others lie in the state region, one after another.
    bool host_variables = false;
};

// Proved by the checker.
Plan make_moving_plan(const LoweredProgram& program, const MovingPlanOptions& options);

// The same with the homes that a job has decided on.
Plan make_moving_plan(const LoweredProgram& program, const MovingPlanOptions& options,
                      const std::vector<TensorHome>& homes, std::uint64_t state_bytes);

// Planners of whole jobs that move all they can, within any budget that holds their plans.
JobPlanner moving_planner();           // variables at home in the host store, swaps and recomputations
JobPlanner resident_moving_planner();  // variables resident, swaps only
// For jobs that fit: has no plan for any other.
JobPlanner no_planner();

// Places in a host store for every tensor that the plan copies, one after another, and their sum.
struct HostLayout {
    std::vector<std::uint64_t> offsets;  // by lowered tensor
    std::uint64_t bytes = 0;
};
HostLayout lay_out_host_copies(const LoweredProgram& program, const Plan& plan);

}  // namespace tensile
