// vDNN (Rhu et al.: "vDNN: virtualized deep neural networks for scalable, memory-efficient neural network design",
// MICRO 2016), for programs without layers: a feature map is a tensor with a gap over the turning point, which is where
// most bytes are live; its layer is the op that uses it last before the gap.
#include <algorithm>
#include <array>
#include <vector>

#include "planner/baselines/draft.h"
#include "planner/baselines/fastest_plan.h"

namespace tensile {

namespace {

// The op behind each copy out waits for it: vDNN's layer boundaries.
void wait_at_boundaries(const Draft& draft, Plan& plan) {
    std::vector<std::vector<std::int32_t>> out_at(static_cast<std::size_t>(draft.end()) + 2);
    for (std::size_t i = 0; i < plan.actions.size(); ++i) {
        if (plan.actions[i].kind != ActionKind::kCopyOut) continue;
        const std::int32_t tensor = plan.places[static_cast<std::size_t>(plan.actions[i].subject)].tensor;
        for (const Stay& stay : draft.stays(tensor))
            if (stay.copied_out)
                out_at[static_cast<std::size_t>(stay.last + 1)].push_back(static_cast<std::int32_t>(i));
    }
    std::int32_t position = 0;
    for (std::size_t i = 0; i < plan.actions.size(); ++i) {
        Action& action = plan.actions[i];
        if (action.kind != ActionKind::kRun) continue;
        for (const std::int32_t out : out_at[static_cast<std::size_t>(position)])
            if (out < static_cast<std::int32_t>(i) &&
                std::find(action.waits.begin(), action.waits.end(), out) == action.waits.end())
                action.waits.push_back(out);
        ++position;
    }
}

// Whether the layer does at least as much arithmetic as the ops do on average, as convolutions do.
bool is_convolution(const LoweredProgram& program, std::int32_t op) {
    double total = 0;
    for (const LoweredOp& other : program.ops)
        total += other.flops;
    return program.ops[static_cast<std::size_t>(op)].flops * static_cast<double>(program.ops.size()) >= total;
}

Draft offload(const BaselineRequest& request, bool all) {
    Draft draft(request);
    const std::int32_t turn = draft.peak_position();
    std::vector<Draft::Gap> maps;
    for (const Draft::Gap& gap : draft.gaps())
        if (gap.before <= turn && turn <= gap.after && gap.after < draft.end() && gap.before >= 0 &&
            (all || is_convolution(*request.program, gap.before)))
            maps.push_back(gap);
    std::sort(maps.begin(), maps.end(), [](const Draft::Gap& a, const Draft::Gap& b) {
        return a.after != b.after ? a.after < b.after : a.tensor < b.tensor;
    });
    // One layer ahead: from the layer that uses the map before.
    std::int32_t layer = turn;
    std::int32_t earlier_layer = turn;
    for (const Draft::Gap& gap : maps) {
        if (gap.after != layer) earlier_layer = std::exchange(layer, gap.after);
        const std::int32_t prefetch = std::clamp(earlier_layer, gap.before + 1, gap.after);
        draft.swap(gap, gap.before, prefetch);
    }
    return draft;
}

}  // namespace

std::optional<Plan> plan_vdnn(const BaselineRequest& request, std::uint64_t budget, VdnnVariant variant) {
    if (variant != VdnnVariant::kDynamic) {
        const Draft draft = offload(request, variant == VdnnVariant::kAll);
        std::optional<Plan> plan = draft.place(budget);
        if (plan) wait_at_boundaries(draft, *plan);
        return plan;
    }
    if (auto plan = plan_liveness_only(request, budget)) return plan;
    FastestPlan fastest(request);
    for (const VdnnVariant one : {VdnnVariant::kConvolutions, VdnnVariant::kAll}) {
        std::optional<Plan> plan = plan_vdnn(request, budget, one);
        if (plan) fastest.offer(*std::move(plan));
    }
    return fastest.take();
}

}  // namespace tensile
