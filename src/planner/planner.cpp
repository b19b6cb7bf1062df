// Rehearsals compete; see planner.h.
#include "planner/planner.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "planner/access_sequence.h"
#include "planner/op_order.h"
#include "planner/prefetch.h"
#include "planner/rehearsal.h"
#include "planner/schedule.h"
#include "planner/schedule_clock.h"

namespace tensile {

namespace {

// How rehearsals differ. `reserve` is the part of the budget that a rehearsal leaves free, for copies in that begin
// earlier.
struct Weights {
    double copy_price;
    bool recomputes;
    double reserve;
};
constexpr std::array<Weights, 8> kPortfolio = {{
    {0.3, true, 0.0},
    {0.3, true, 0.1},
    {1.0, true, 0.05},
    {0.1, true, 0.05},
    {0.03, true, 0.1},
    {1.0, false, 0.1},
    {3.0, true, 0.0},
    {30.0, true, 0.0},
}};

// Parts of the budget that are tried in turn until the placement fits, and the part above which an op has the extent
// to itself; 0: all ops.
constexpr std::array<double, 7> kTightness = {1.0, 0.98, 0.95, 0.91, 0.86, 0.75, 0.6};

std::uint64_t part_of(std::uint64_t bytes, double part) {
    return static_cast<std::uint64_t>(static_cast<double>(bytes) * part);
}

class Planner {
  public:
    explicit Planner(const PlanTask& task) : task_(task) {
        std::vector<std::int32_t> order(task.program->ops.size());
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = static_cast<std::int32_t>(i);
        accesses_.emplace(*task.program, order, task.op_seconds, task.homes);
        for (std::size_t i = 0; i < task.homes.size(); ++i)
            if (task.homes[i].home == Home::kResident) own_state_ += aligned_size(task.program->tensors[i].bytes);
    }

    std::uint64_t least() const { return smallest_limit(*accesses_) + foreign_bytes(); }

    std::optional<PlannedTime> plan(std::uint64_t budget) {
        if (budget < least()) return std::nullopt;
        const std::uint64_t available = available_of(budget);
        choose_order(available);
        std::optional<PlannedTime> result;
        if (peak(*accesses_) <= available) result = place(in_place(), budget);
        if (!result) result = plan_with_movement(available, budget);
        result->plan.minimum_bytes = std::min(least(), result->plan.extent_bytes);
        return result;
    }

    double expected(std::uint64_t budget) {
        double best = std::numeric_limits<double>::infinity();
        if (budget < least()) return best;
        const std::uint64_t available = available_of(budget);
        choose_order(available);
        if (peak(*accesses_) <= available) return steady_seconds(*accesses_, in_place(), task_.link);
        for (const Weights& weights : {kPortfolio[1], kPortfolio[5]})
            if (const auto rehearsal = rehearse_within(part_of(available, kTightness[1]), kUnlimited, weights))
                best = std::min(best, steady_seconds(*accesses_, rehearsal->schedule, task_.link));
        // Where ops must have the extent to themselves, time is long but finite.
        return std::min(best, kHopeless * accesses_->begin_of(accesses_->end()));
    }

  private:
    static constexpr double kHopeless = 1e6;

    // State of the job's other programs, and what is lost below the first place that is aligned for copies.
    std::uint64_t foreign_bytes() const { return aligned_size(task_.state_bytes, kCopyAlignment) - own_state_; }
    std::uint64_t available_of(std::uint64_t budget) const { return budget - foreign_bytes(); }

    void choose_order(std::uint64_t available) {
        if (peak(*accesses_) <= available) return;
        AccessSequence releasing(*task_.program, releasing_order(*task_.program), task_.op_seconds, task_.homes);
        if (peak(releasing) < peak(*accesses_)) accesses_.emplace(std::move(releasing));
    }

    static std::uint64_t peak(const AccessSequence& accesses) {
        const std::vector<std::uint64_t> live = accesses.live_bytes();
        return *std::max_element(live.begin(), live.end());
    }

    Schedule in_place() const {
        RehearsalRules rules;
        rules.recomputes = false;
        return rehearse(*accesses_, task_.link, rules)->schedule;
    }

    std::optional<PlannedTime> place(const Schedule& schedule, std::uint64_t budget) const {
        auto plan = place_schedule(*task_.program, schedule, task_.homes, task_.state_bytes, budget);
        if (!plan) return std::nullopt;
        return PlannedTime{std::move(*plan), steady_seconds(*accesses_, schedule, task_.link)};
    }

    std::optional<Rehearsal> rehearse_within(std::uint64_t limit, std::uint64_t exclusive,
                                             const Weights& weights) const {
        RehearsalRules rules;
        rules.limit_bytes = part_of(limit, 1 - weights.reserve);
        rules.copy_price = weights.copy_price;
        rules.recomputes = weights.recomputes;
        if (exclusive != kUnlimited) {
            rules.exclusive_above = rules.limit_bytes - std::min(rules.limit_bytes, own_state_);
            rules.exclusive_bytes = exclusive;
            rules.smallest_copied = 1;
        }
        auto rehearsal = rehearse(*accesses_, task_.link, rules);
        if (rehearsal) hoist_copies_in(*accesses_, task_.link, limit, *rehearsal);
        return rehearsal;
    }

    // All rehearsals at the widest limit for which placement succeeds.
    std::optional<PlannedTime> plan_with_movement(std::uint64_t available, std::uint64_t budget) const {
        for (const bool exclusive : {false, true})
            for (const double tightness : kTightness) {
                if (exclusive && tightness == 1.0) continue;
                const std::uint64_t limit = part_of(available, tightness);
                std::vector<std::pair<double, Schedule>> schedules;
                for (const Weights& weights : kPortfolio)
                    if (auto rehearsal = rehearse_within(limit, exclusive ? available : kUnlimited, weights)) {
                        const double seconds = steady_seconds(*accesses_, rehearsal->schedule, task_.link);
                        schedules.emplace_back(seconds, std::move(rehearsal->schedule));
                    }
                std::stable_sort(schedules.begin(), schedules.end(),
                                 [](const auto& a, const auto& b) { return a.first < b.first; });
                // A schedule that is hardly slower is better than a tighter limit.
                for (const auto& [seconds, schedule] : schedules) {
                    if (seconds > 1.02 * schedules.front().first) break;
                    if (auto result = place(schedule, budget)) return result;
                }
            }
        RehearsalRules alone;
        alone.limit_bytes = available;
        alone.exclusive_above = 0;
        alone.exclusive_bytes = available;
        alone.smallest_copied = 0;
        alone.recomputes = false;
        return place(rehearse(*accesses_, task_.link, alone)->schedule, budget);
    }

    const PlanTask& task_;
    std::optional<AccessSequence> accesses_;
    std::uint64_t own_state_ = 0;  // of the program's own resident variables
};

}  // namespace

std::optional<PlannedTime> plan_within(const PlanTask& task, std::uint64_t budget) {
    return Planner(task).plan(budget);
}

double expected_seconds(const PlanTask& task, std::uint64_t budget) {
    return Planner(task).expected(budget);
}

std::uint64_t least_bytes(const PlanTask& task) {
    return Planner(task).least();
}

}  // namespace tensile
