// TENSILE as published (Zhang et al.: "TENSILE: a tensor granularity dynamic GPU memory scheduling method toward
// multiple dynamic workloads system", arXiv 2105.13336), after a reading of the algorithm and of its public test bed.
#include <algorithm>
#include <utility>
#include <vector>

#include "planner/baselines/draft.h"
#include "planner/baselines/lane_timeline.h"

namespace tensile {

namespace {

class Planner {
  public:
    Planner(const BaselineRequest& request, std::uint64_t budget, bool stop_at_budget)
        : draft_(request),
          link_(request.link),
          budget_(budget),
          stop_at_budget_(stop_at_budget),
          swapped_(request.program->tensors.size()) {}

    Draft run() {
        std::vector<std::uint64_t> peaks = {draft_.peak()};
        for (int round = 0;; ++round) {
            const std::uint64_t peak = peaks.back();
            if (stop_at_budget_ && peak <= budget_) break;
            bool placed = place_swap();
            if (!placed && peak > budget_) placed = place_recomputation();
            if (!placed) break;
            peaks.push_back(draft_.peak());
            if (round > 100 && is_flat(peaks)) break;
        }
        return std::move(draft_);
    }

  private:
    static bool is_flat(const std::vector<std::uint64_t>& peaks) {
        for (std::size_t i = peaks.size() - 3; i < peaks.size(); ++i)
            if (static_cast<double>(peaks[i]) < 0.9995 * static_cast<double>(peaks[i - 1])) return false;
        return true;
    }

    double end_of(std::int32_t position) const { return draft_.begin_seconds(std::min(position + 1, draft_.end())); }

    // Of the tensors that are there at the peak the largest one that can be swapped.
    bool place_swap() {
        const std::int32_t peak = draft_.peak_position();
        std::vector<std::int32_t> tensors;
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(swapped_.size()); ++tensor) {
            if (swapped_[static_cast<std::size_t>(tensor)]) continue;
            for (const Stay& stay : draft_.stays(tensor))
                if (stay.first <= peak && peak <= stay.last) tensors.push_back(tensor);
        }
        std::stable_sort(tensors.begin(), tensors.end(),
                         [&](std::int32_t a, std::int32_t b) { return draft_.bytes(a) > draft_.bytes(b); });
        for (const std::int32_t tensor : tensors) {
            const bool placed = draft_.is_variable(tensor) ? swap_across(tensor) : swap_within(tensor, peak);
            if (!placed) continue;
            swapped_[static_cast<std::size_t>(tensor)] = true;
            return true;
        }
        return false;
    }

    std::vector<Draft::Gap> gaps_of(std::int32_t tensor) const {
        std::vector<Draft::Gap> gaps;
        const std::vector<Draft::Use>& uses = draft_.uses(tensor);
        for (std::size_t i = 1; i < uses.size(); ++i)
            if (uses[i].position > uses[i - 1].position + 1)
                gaps.push_back({tensor, uses[i - 1].position, uses[i].position});
        return gaps;
    }

    bool swap_within(std::int32_t tensor, std::int32_t peak) {
        const std::uint64_t bytes = draft_.bytes(tensor);
        const double out_seconds = link_.out_seconds(bytes);
        const double peak_time = draft_.begin_seconds(std::clamp(peak, 0, draft_.end()));
        bool is_out = false;
        for (const Draft::Gap& gap : gaps_of(tensor)) {
            const double from = end_of(gap.before);
            const double to = draft_.begin_seconds(gap.after);
            double out = from;
            if (!is_out) {
                out = timeline_.earliest(from, std::min(to, peak_time), out_seconds);
                if (out < 0) continue;
                timeline_.reserve(out, out_seconds);
            }
            const double arrived = is_out ? from : out + out_seconds;
            if (!swap_in(gap, arrived)) {
                if (!is_out) timeline_.release(out, out_seconds);
                continue;
            }
            is_out = true;
        }
        return is_out;
    }

    // As late as possible after `from`.
    bool swap_in(const Draft::Gap& gap, double from) {
        const double seconds = link_.in_seconds(draft_.bytes(gap.tensor));
        const double begin = timeline_.latest(from, draft_.begin_seconds(gap.after), seconds);
        if (begin < 0) return false;
        const std::int32_t out_last = std::max(gap.before, last_position_before(from));
        const std::int32_t in_first = std::min(draft_.position_at(begin), gap.after);
        if (in_first <= out_last) return false;
        timeline_.reserve(begin, seconds);
        draft_.swap(gap, out_last, in_first);
        return true;
    }

    std::int32_t last_position_before(double seconds) const {
        const std::int32_t position = draft_.position_at(seconds);
        return draft_.begin_seconds(position) < seconds ? position : position - 1;
    }

    // A pair: out any time after the update, perhaps beyond the end; in between the begin and the first use.
    bool swap_across(std::int32_t variable) {
        const std::vector<Draft::Use>& uses = draft_.uses(variable);
        if (uses.empty() || !uses.back().writes) return false;
        const std::uint64_t bytes = draft_.bytes(variable);
        const double in_seconds = link_.in_seconds(bytes);
        const double out_seconds = link_.out_seconds(bytes);
        const double in = timeline_.latest(0, draft_.begin_seconds(uses.front().position), in_seconds);
        if (in < 0) return false;
        timeline_.reserve(in, in_seconds);
        const double out = timeline_.earliest(end_of(uses.back().position), 1e300, out_seconds);
        timeline_.reserve(out, out_seconds);
        draft_.send_home(variable, std::min(draft_.position_at(in), uses.front().position),
                         std::max(uses.back().position, last_position_before(out + out_seconds)));
        return true;
    }

    // Depth one only: all sources must be there.
    bool place_recomputation() {
        const std::int32_t peak = draft_.peak_position();
        double most_saved = 0;
        Draft::Gap best;
        std::vector<std::int32_t> best_chain;
        for (const Draft::Gap& gap : draft_.gaps()) {
            if (!Draft::is_over(gap, peak) || gap.after >= draft_.end() ||
                swapped_[static_cast<std::size_t>(gap.tensor)])
                continue;
            const auto chain = draft_.chain(gap, 1);
            if (!chain) continue;
            const double saved =
                static_cast<double>(draft_.bytes(gap.tensor)) / std::max(1e-12, draft_.seconds_of(*chain));
            if (saved <= most_saved) continue;
            most_saved = saved;
            best = gap;
            best_chain = *chain;
        }
        if (best_chain.empty()) return false;
        draft_.recompute(best, best_chain, 0);
        swapped_[static_cast<std::size_t>(best.tensor)] = true;
        return true;
    }

    Draft draft_;
    const LinkModel link_;
    const std::uint64_t budget_;
    const bool stop_at_budget_;
    LaneTimeline timeline_;      // half-duplex: of both directions
    std::vector<bool> swapped_;  // by tensor, also of those that are computed again
};

}  // namespace

std::optional<Plan> plan_tensile_published(const BaselineRequest& request, std::uint64_t budget, bool stop_at_budget) {
    if (!stop_at_budget) {
        // It plans for the smallest peak and takes what that needs.
        std::optional<Plan> plan = Planner(request, budget, false).run().place(kUnlimited);
        if (plan && plan->extent_bytes > budget) return std::nullopt;
        return plan;
    }
    if (auto plan = plan_liveness_only(request, budget)) return plan;
    return place_within(budget, [&](std::uint64_t target) -> std::optional<Draft> {
        Draft draft = Planner(request, target, true).run();
        if (draft.peak() > budget) return std::nullopt;
        return draft;
    });
}

}  // namespace tensile
