// The waits that make a list of actions safe for any timing: who must be complete before an action may begin, because
// it made the content that is read, or because it still uses the bytes that are taken. Only waits that do not follow
// from others are kept. The checker proves the result by its own means. Knows the plan's format and nothing else.
#pragma once

#include "graph/lowered.h"
#include "planner/plan.h"

namespace tensile {

// Fills waits, previous_waits and feed_waits of a plan that has all places and all actions in order.
void add_waits(const LoweredProgram& program, Plan& plan);

}  // namespace tensile
