// Replays what the event clock executed with contents in place of times: each op's result is a number made from the op
// and the contents it read, bytes that are being written hold garbage, and the outcome is compared with the program run
// in its own order. Shares nothing with the checker, so each can find the other's mistakes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/event_clock.h"

namespace tensile {

// The first difference, for `job` of the clock's request, which executed one program for `steps` steps.
std::optional<std::string> find_difference(const LoweredProgram& program, const Plan& plan,
                                           const std::vector<TimelineEntry>& timeline, std::int32_t job, int steps);

}  // namespace tensile
