// See plan_executor.h.
#include "runtime/plan_executor.h"

namespace tensile {

MoveCounters& MoveCounters::operator+=(const MoveCounters& other) {
    out_bytes += other.out_bytes;
    in_bytes += other.in_bytes;
    recompute_seconds += other.recompute_seconds;
    stall_seconds += other.stall_seconds;
    return *this;
}

std::vector<bool> copied_tensors(const LoweredProgram& program, const Plan& plan) {
    std::vector<bool> copied(program.tensors.size());
    for (const Action& action : plan.actions) {
        if (action.kind == ActionKind::kRun) continue;
        const Place& place = plan.places[static_cast<std::size_t>(action.subject)];
        copied[static_cast<std::size_t>(place.tensor)] = true;
    }
    return copied;
}

}  // namespace tensile
