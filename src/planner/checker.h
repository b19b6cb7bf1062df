// The independent proof of a plan: for every execution that its partial order allows, no two live tensors share a byte,
// every read finds what the program says it should, and nothing lies outside the extent.
//
// It trusts nothing that a planner computed and shares no code with any planner: it works from the lowered program and
// the transitive closure of the plan's `after` sets alone.
#pragma once

#include <optional>
#include <string>

#include "graph/lowered.h"
#include "planner/plan.h"

namespace tensile {

// Nothing when the plan is proved; otherwise the first violation found, as a sentence for developers.
std::optional<std::string> find_violation(const LoweredProgram& program, const Plan& plan);

// Throws InternalError with the violation.
void check_plan(const LoweredProgram& program, const Plan& plan);

}  // namespace tensile
