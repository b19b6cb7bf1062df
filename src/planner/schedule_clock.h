// A fast estimate of how long a schedule takes, to choose between schedules: three queues that wait for positions
// instead of bytes. Ops wait for the copies in that they read and for the copies out of what left before them; copies
// in for the op before their stay. The event clock judges plans exactly; this one never needs offsets. Knows no bytes
// of the extent.
#pragma once

#include "planner/access_sequence.h"
#include "planner/link_model.h"
#include "planner/schedule.h"

namespace tensile {

// Seconds of one execution in the steady state, alone on the link.
double steady_seconds(const AccessSequence& accesses, const Schedule& schedule, const LinkModel& link);

}  // namespace tensile
