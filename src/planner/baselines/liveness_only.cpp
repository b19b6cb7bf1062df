// The 0 % line: every tensor stays from its first to its last use.
#include "planner/baselines/draft.h"

namespace tensile {

std::optional<Plan> plan_liveness_only(const BaselineRequest& request, std::uint64_t budget) {
    std::optional<Plan> plan = Draft(request).place(kUnlimited);
    if (plan && plan->extent_bytes > budget) return std::nullopt;
    return plan;
}

}  // namespace tensile
