// A time that no plan can beat: the yardstick beside the planner's curves. Knows no schedules.
#pragma once

#include <cstdint>
#include <span>

#include "graph/lowered.h"
#include "planner/link_model.h"

namespace tensile {

// Seconds that one execution in the steady state takes at least within `budget` bytes, state included, whatever is
// kept, moved or computed again, and wherever variables are at home; of all plans that run the ops in the program's
// order or in that of planner/op_order.h. Infinity when one op alone needs more than the budget.
//
// What it counts. While op p runs, what the budget has no room for is absent, though it is used before and after. Each
// absent byte is a result that was copied out before p and comes in behind it, or a result whose op runs again behind
// p, or a variable that comes in at some time of the step and, if it is written, goes out. The cheapest mixture for
// each p is taken as if bytes could be divided, and each p as if no other op had to be provided for: so the true
// optimum may be well above it. Latencies are left out.
double least_seconds(const LoweredProgram& program, std::span<const double> op_seconds, const LinkModel& link,
                     std::uint64_t budget);

}  // namespace tensile
