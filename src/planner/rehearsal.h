// Decides what stays, leaves, is dropped and is computed again, by going through a program op by op with a limit of
// bytes, as a cache with perfect knowledge of the future would.
//
// Where an op needs more room, the tensors go that cost least for what they give: expected seconds of copying or
// recomputing, per byte and second of pressure until the next use. So the choice of Belady ("A study of replacement
// algorithms for a virtual-storage computer", 1966) is weighed with the cost of coming back. A tensor comes back from
// the host's copy, which stays valid until the next write, or by running its op again; what that run reads is retained
// for it, or is itself computed again, so chains of any shape arise. Intermediate results of a chain stay until their
// own next use while there is room. The live bytes never exceed the limit by construction. Deterministic.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "planner/access_sequence.h"
#include "planner/link_model.h"
#include "planner/schedule.h"

namespace tensile {

// What a tensor's leaving is worth, beside its bytes: cost per worth decides who leaves.
enum class Relief : std::uint8_t {
    kPressure,   // the time until its next use in which the limit would be exceeded if nothing moved
    kNextUse,    // the time until its next use
    kStaleness,  // the time since its last use, as in DTR (Kirisame et al., ICLR 2021)
};

struct RehearsalRules {
    std::uint64_t limit_bytes = kUnlimited;
    // Ops that need more than this have the extent to themselves, up to `exclusive_bytes`: whatever is there leaves
    // before and after. Their tensors can then be placed without regard to any other position.
    std::uint64_t exclusive_above = kUnlimited;
    std::uint64_t exclusive_bytes = kUnlimited;
    std::uint64_t smallest_copied = kCopyAlignment;  // smaller tensors are not worth a copy
    double copy_price = 1;  // of a second of copying, most of which other ops hide, in seconds of compute
    bool recomputes = true;
    Relief relief = Relief::kPressure;
    bool moves_residents = false;  // resident variables may be absent between two uses, and come back to their homes
};

struct Rehearsal {
    Schedule schedule;
    std::vector<bool> is_exclusive;  // by position of the schedule's sequence
};

// Nothing when an op does not fit, or when weighing by staleness would take too long.
std::optional<Rehearsal> rehearse(const AccessSequence& accesses, const LinkModel& link, const RehearsalRules& rules);

// Bytes that an op's tensors take, with everything that may leave aligned for copies, and resident variables.
std::uint64_t exclusive_need(const AccessSequence& accesses, std::int32_t op);
// The smallest limit for which rehearse() succeeds when all ops are exclusive.
std::uint64_t smallest_limit(const AccessSequence& accesses);

}  // namespace tensile
