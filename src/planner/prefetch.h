// Moves copies in to earlier positions, where there is room, so that they are complete when they are needed: from the
// last to the first, each as late as it is still hidden behind ops and behind the copies after it. Knows no ops.
#pragma once

#include <cstdint>

#include "planner/access_sequence.h"
#include "planner/link_model.h"
#include "planner/rehearsal.h"

namespace tensile {

// The live bytes of the schedule stay within `limit`.
void hoist_copies_in(const AccessSequence& accesses, const LinkModel& link, std::uint64_t limit, Rehearsal& rehearsal);

}  // namespace tensile
