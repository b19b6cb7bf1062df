// The plan of one program within a budget, with the homes of its variables given: keep, copy out and in, drop, compute
// again, chosen for the least time of an execution in the steady state. A program that fits gets a plan that moves
// nothing. Several rehearsals that weigh copies and recomputation differently compete, the more of them the longer a
// step takes; the schedule clock judges all, the event clock the best. Deterministic. Knows neither devices nor memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "graph/lowered.h"
#include "planner/link_model.h"
#include "planner/plan.h"

namespace tensile {

struct PlanTask {
    const LoweredProgram* program = nullptr;
    std::span<const double> op_seconds;  // by lowered op: expected time of one run
    std::span<const TensorHome> homes;   // by lowered tensor
    std::uint64_t state_bytes = 0;       // of the job; resident homes lie below
    LinkModel link;
};

struct PlannedTime {
    Plan plan;
    double seconds = 0;  // expected for one execution in the steady state, alone on the link
};

// Within at most `budget` bytes, state included; nothing when that is less than least_bytes().
std::optional<PlannedTime> plan_within(const PlanTask& task, std::uint64_t budget);

// About what plan_within() will reach, by a few rehearsals without placement: to compare homes. Infinity when there is
// no plan.
double expected_seconds(const PlanTask& task, std::uint64_t budget);

// The smallest extent for which plan_within() finds a plan. Stated in every plan as its minimum.
std::uint64_t least_bytes(const PlanTask& task);

}  // namespace tensile
