// Capuchin (Peng et al.: "Capuchin: tensor-based GPU memory management for deep learning", ASPLOS 2020), with op times
// instead of a measured first iteration, so it plans at once and its access times are right.
#include <algorithm>
#include <limits>
#include <map>
#include <vector>

#include "planner/baselines/draft.h"
#include "planner/baselines/fastest_plan.h"
#include "planner/baselines/lane_timeline.h"

namespace tensile {

namespace {

constexpr std::size_t kMaxChain = 256;

// Where a profile exceeds the budget.
class Excess {
  public:
    Excess(const std::vector<std::uint64_t>& profile, std::uint64_t budget) : count_before_(profile.size() + 1) {
        for (std::size_t i = 0; i < profile.size(); ++i)
            count_before_[i + 1] = count_before_[i] + (profile[i] > budget ? 1 : 0);
    }
    bool is_anywhere() const { return count_before_.back() > 0; }
    // Whether it is anywhere in the gap: only then is it worth to leave there.
    bool is_in(const Draft::Gap& gap) const {
        return count_before_[static_cast<std::size_t>(gap.after + 1)] >
               count_before_[static_cast<std::size_t>(gap.before + 2)];
    }

  private:
    std::vector<std::int32_t> count_before_;  // entries of a profile, which begins at kBeforeFirst
};

// The two lanes with the swaps that have been chosen, and where another one would fit.
class Lanes {
  public:
    struct Slot {
        double out_begin = 0;
        double out_seconds = 0;
        double in_begin = 0;
        double in_seconds = 0;
        // Between the end of the copy out and the begin of the copy in; negative: exposed for so long.
        double free_seconds() const { return in_begin - out_begin - out_seconds; }
    };

    // Whether swaps that were chosen stand in the way of others. Capuchin ranks gaps by themselves and lets the
    // feedback sort out the lanes; with lanes it knows when a swap can no longer be hidden. Which one is better
    // depends.
    explicit Lanes(bool are_exclusive) : are_exclusive_(are_exclusive) {}

    Slot find(const Draft& draft, const Draft::Gap& gap) const {
        const LinkModel& link = draft.request().link;
        const std::uint64_t bytes = draft.bytes(gap.tensor);
        Slot slot;
        slot.out_seconds = draft.host_copy_is_valid(gap) ? 0 : link.out_seconds(bytes);
        slot.in_seconds = link.in_seconds(bytes);
        slot.out_begin = out_.earliest(draft.begin_seconds(gap.before + 1), kNever, slot.out_seconds);
        // Where every earlier time is taken the transfer lies before the step, which only makes it later in truth.
        slot.in_begin = in_.latest(-kNever, draft.begin_seconds(gap.after), slot.in_seconds);
        return slot;
    }
    void take(const Slot& slot) {
        if (!are_exclusive_) return;
        out_.reserve(slot.out_begin, slot.out_seconds);
        in_.reserve(slot.in_begin, slot.in_seconds);
    }

  private:
    static constexpr double kNever = 1e300;
    bool are_exclusive_;
    LaneTimeline out_;
    LaneTimeline in_;
};

std::optional<Draft> fit(const BaselineRequest& request, std::uint64_t budget, bool exclusive_lanes) {
    Draft draft(request);
    Lanes lanes(exclusive_lanes);
    // What is kept for a later chain may be chosen again: after many choices only swaps go on, of which there is an
    // end.
    const std::size_t many = request.program->tensors.size();
    for (std::size_t choice = 0;; ++choice) {
        const Excess excess(draft.profile(), budget);
        if (!excess.is_anywhere()) return draft;
        const Draft::Gap* swap = nullptr;
        const Draft::Gap* repeat = nullptr;
        double most_free = -std::numeric_limits<double>::infinity();
        double most_saved = 0;
        std::vector<std::int32_t> chain;
        const std::vector<Draft::Gap> gaps = draft.gaps();
        for (const Draft::Gap& gap : gaps) {
            if (!excess.is_in(gap)) continue;
            const double free = lanes.find(draft, gap).free_seconds();
            if (free > most_free) {
                most_free = free;
                swap = &gap;
            }
        }
        if (swap == nullptr) return std::nullopt;
        if (most_free < 0 && choice < many) {
            for (const Draft::Gap& gap : gaps) {
                if (gap.after >= draft.end() || !excess.is_in(gap)) continue;
                const auto size = static_cast<double>(draft.bytes(gap.tensor));
                if (size / std::max(1e-12, draft.least_chain_seconds(gap)) <= most_saved) continue;
                const auto ops = draft.chain(gap, kMaxChain);
                if (!ops) continue;
                const double saved = size / std::max(1e-12, draft.seconds_of(*ops));
                if (saved <= most_saved) continue;
                most_saved = saved;
                repeat = &gap;
                chain = *ops;
            }
        }
        if (repeat != nullptr && draft.seconds_of(chain) < -most_free) {
            draft.recompute(*repeat, chain, budget);
        } else {
            lanes.take(lanes.find(draft, *swap));
            draft.swap(*swap, swap->before, swap->after);
        }
    }
}

}  // namespace

std::optional<Plan> plan_capuchin(const BaselineRequest& request, std::uint64_t budget) {
    if (auto plan = plan_liveness_only(request, budget)) return plan;
    FastestPlan fastest(request);
    for (const bool exclusive_lanes : {true, false}) {
        std::map<std::uint64_t, std::optional<Draft>> fits;  // by target: the same for every lead
        // The feedback: prefetches begin earlier until the step gets no shorter.
        for (const double lead : {1.0, 1.2, 1.5, 2.0, 3.0}) {
            std::optional<Plan> plan = place_within(budget, [&](std::uint64_t target) {
                auto known = fits.find(target);
                if (known == fits.end()) known = fits.emplace(target, fit(request, target, exclusive_lanes)).first;
                std::optional<Draft> draft = known->second;
                if (draft) draft->schedule_copies(target, lead);
                return draft;
            });
            if (!plan) break;
            fastest.offer(*std::move(plan));
        }
    }
    return fastest.take();
}

}  // namespace tensile
