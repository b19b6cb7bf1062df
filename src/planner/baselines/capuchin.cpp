// Capuchin (Peng et al.: "Capuchin: tensor-based GPU memory management for deep learning", ASPLOS 2020), with op times
// instead of a measured first iteration, so it plans at once and its access times are right.
#include <algorithm>
#include <limits>
#include <vector>

#include "planner/baselines/draft.h"
#include "planner/event_clock.h"

namespace tensile {

namespace {

constexpr std::size_t kMaxChain = 256;

// Bytes over the budget that the gap would free, summed over positions: zero when it does not help.
bool helps(const Draft::Gap& gap, const std::vector<std::uint64_t>& profile, std::uint64_t budget) {
    for (std::int32_t i = gap.before + 1; i < gap.after; ++i)
        if (profile[static_cast<std::size_t>(i + 1)] > budget) return true;
    return false;
}

// Between the end of the copy out and the begin of the copy in.
double free_seconds(const Draft& draft, const Draft::Gap& gap) {
    const LinkModel& link = draft.request().link;
    const std::uint64_t bytes = draft.bytes(gap.tensor);
    const double out = draft.host_copy_is_valid(gap) ? 0 : link.out_seconds(bytes);
    return draft.begin_seconds(gap.after) - link.in_seconds(bytes) - draft.begin_seconds(gap.before + 1) - out;
}

std::optional<Draft> fit(const BaselineRequest& request, std::uint64_t budget) {
    Draft draft(request);
    for (;;) {
        const std::vector<std::uint64_t> profile = draft.profile();
        if (*std::max_element(profile.begin(), profile.end()) <= budget) return draft;
        const Draft::Gap* swap = nullptr;
        const Draft::Gap* repeat = nullptr;
        double most_free = -std::numeric_limits<double>::infinity();
        double most_saved = 0;
        std::vector<std::int32_t> chain;
        const std::vector<Draft::Gap> gaps = draft.gaps();
        for (const Draft::Gap& gap : gaps) {
            if (!helps(gap, profile, budget)) continue;
            const double free = free_seconds(draft, gap);
            if (free > most_free) {
                most_free = free;
                swap = &gap;
            }
        }
        if (swap == nullptr) return std::nullopt;
        if (most_free < 0) {
            for (const Draft::Gap& gap : gaps) {
                if (gap.after >= draft.end() || !helps(gap, profile, budget)) continue;
                const auto ops = draft.chain(gap, kMaxChain);
                if (!ops) continue;
                const double saved =
                    static_cast<double>(draft.bytes(gap.tensor)) / std::max(1e-12, draft.seconds_of(*ops));
                if (saved <= most_saved) continue;
                most_saved = saved;
                repeat = &gap;
                chain = *ops;
            }
        }
        if (repeat != nullptr && draft.seconds_of(chain) < -most_free)
            draft.recompute(*repeat, chain, budget);
        else
            draft.swap(*swap, swap->before, swap->after);
    }
}

}  // namespace

std::optional<Plan> plan_capuchin(const BaselineRequest& request, std::uint64_t budget) {
    if (auto plan = plan_liveness_only(request, budget)) return plan;
    std::optional<Plan> best;
    double best_seconds = 0;
    // The feedback: prefetches begin earlier until the step gets no shorter.
    for (const double lead : {1.0, 1.2, 1.5, 2.0, 3.0}) {
        std::optional<Plan> plan = place_within(budget, [&](std::uint64_t target) {
            std::optional<Draft> draft = fit(request, target);
            if (draft) draft->schedule_copies(target, lead);
            return draft;
        });
        if (!plan) break;
        const double seconds =
            run_clock_alone(*request.program, *plan, request.op_seconds, request.link).jobs[0].cycle_seconds();
        if (best && seconds >= best_seconds) continue;
        best = std::move(plan);
        best_seconds = seconds;
    }
    return best;
}

}  // namespace tensile
