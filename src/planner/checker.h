// The independent proof of a plan: in every execution that its partial order allows, every op reads what the program
// says it should, no two stays share a byte at one time, nothing lies outside the extent, and nothing waits for ever.
//
// The proof: first, every two accesses that touch the same bytes, one of them writing, are ordered by the queues and
// waits of the plan. So all executions compute the same as the one in the order of the list; and that one is followed
// access by access, with the version of its content that each place and each host copy holds. The list is followed
// twice, because a second execution of a plan may begin while copies out of the first are still under way. It trusts
// nothing that a planner computed and shares no code with any planner.
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
