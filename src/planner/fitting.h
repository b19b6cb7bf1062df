// Gives the stays of a schedule their offsets within an extent that the sum of their bytes fits, but perhaps no
// placement of them: where a stay finds room only in pieces, tensors beside each other leave for the host.
//
// The program is followed in order of time, as an allocator would serve it that knows how long everything stays: long
// stays from the bottom, short ones from the top. Where no gap holds a stay, the neighbours go whose absence costs
// least in all, found by a window that slides over the addresses (Zhang et al., "Coop: memory is not a commodity",
// NeurIPS 2023; there for tensors that are computed again). So a budget is lost neither to fragmentation nor to a
// tighter limit for the whole program. Deterministic. Knows neither devices nor memory.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "planner/access_sequence.h"
#include "planner/link_model.h"
#include "planner/schedule.h"

namespace tensile {

struct FittedSchedule {
    Schedule schedule;
    std::vector<std::uint64_t> offsets;  // by stay
    std::uint64_t moved_bytes = 0;       // that leave more than before
};

struct FittingRules {
    std::uint64_t state_bytes = 0;  // the border, which no stay may cross
    std::uint64_t limit_bytes = 0;  // of the extent
    std::uint64_t smallest_copied = kCopyAlignment;
    std::int32_t long_stay = 8;  // stays of more positions come from the bottom
};

// Nothing when even that fails, because what is in the way is in use.
std::optional<FittedSchedule> fit_schedule(const AccessSequence& accesses, const Schedule& schedule,
                                           const LinkModel& link, const FittingRules& rules);

}  // namespace tensile
