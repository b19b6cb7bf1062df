// See plan_rows.h.
#include "runtime/plan_rows.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "planner/plan_summary.h"

namespace tensile {

void append_plan_rows(std::vector<PlanRow>& rows, const LoweredProgram& program, const Plan& plan,
                      const LinkModel& link, std::span<const double> op_seconds) {
    const auto op_name = [&](std::int32_t op) {
        return op < 0 ? std::string() : program.ops[static_cast<std::size_t>(op)].name;
    };
    for (const TensorDecision& decision : summarize(program, plan, link, op_seconds)) {
        const LoweredTensor& tensor = program.tensors[static_cast<std::size_t>(decision.tensor)];
        rows.push_back({program.name, tensor.name, name_of(tensor.kind), tensor.bytes, name_of(decision.decision),
                        decision.stays, decision.copied_out, decision.copied_in, decision.copy_seconds,
                        decision.recompute_seconds, op_name(decision.first_op), op_name(decision.last_op)});
    }
}

void keep_telling_rows(std::vector<PlanRow>& rows, std::size_t limit) {
    if (rows.size() <= limit) return;
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::string kept = name_of(Decision::kKeep);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
        const bool left_stays = rows[left].decision == kept;
        const bool right_stays = rows[right].decision == kept;
        if (left_stays != right_stays) return right_stays;
        return rows[left].bytes > rows[right].bytes;
    });
    order.resize(limit);
    std::sort(order.begin(), order.end());
    std::vector<PlanRow> chosen;
    chosen.reserve(limit);
    for (const std::size_t row : order)
        chosen.push_back(std::move(rows[row]));
    rows = std::move(chosen);
}

}  // namespace tensile
