// Rehearsals compete; see planner.h.
#include "planner/planner.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "planner/access_sequence.h"
#include "planner/event_clock.h"
#include "planner/fitting.h"
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
    Relief relief = Relief::kPressure;
    bool in_program_order = false;  // also where another order has a lower peak
    bool moves_residents = false;
};
constexpr double kNoCopies = 1e4;  // a price at which copies are the last resort
// The first kFewest are always tried; the others where a program is small or its steps are long.
constexpr std::size_t kFewest = 6;
constexpr std::array<Weights, 22> kPortfolio = {{
    {0.3, true, 0.1, Relief::kNextUse},
    {0.1, true, 0.05},
    {0.3, true, 0.0},
    {1.0, true, 0.05},
    {1.0, false, 0.1},
    {30.0, true, 0.0},
    {1.0, false, 0.0, Relief::kNextUse},
    {0.3, true, 0.0, Relief::kStaleness},
    {1.0, false, 0.1, Relief::kNextUse, true},
    {0.1, true, 0.05, Relief::kStaleness, true, false},
    {1.0, true, 0.05, Relief::kPressure, true, true},
    {0.03, true, 0.1, Relief::kStaleness, false, false},
    {0.1, true, 0.05, Relief::kPressure, false, true},
    {0.3, true, 0.0, Relief::kStaleness, true, false},
    {kNoCopies, true, 0.0, Relief::kStaleness, true, false},
    {0.03, true, 0.1, Relief::kNextUse, true, true},
    {1.0, true, 0.05, Relief::kNextUse, true, true},
    {0.03, true, 0.1, Relief::kStaleness, false, true},
    {0.3, true, 0.0, Relief::kPressure, true, false},
    {1.0, true, 0.05, Relief::kNextUse, false, true},
    {0.3, true, 0.1, Relief::kStaleness, true, false},
    {0.3, true, 0.0, Relief::kStaleness, false, true},
}};

// The parts of the budget that are searched: a tighter limit leaves placement more room.
constexpr std::array<double, 4> kSearched = {1.0, 0.98, 0.95, 0.89};
// Those that are searched where none of these led to a plan. Ops that need more have the extent to themselves then.
constexpr std::array<double, 8> kTight = {0.98, 0.95, 0.91, 0.86, 0.8, 0.7, 0.6, 0.5};

std::uint64_t part_of(std::uint64_t bytes, double part) {
    return static_cast<std::uint64_t>(static_cast<double>(bytes) * part);
}

class Planner {
  public:
    explicit Planner(const PlanTask& task) : task_(task) {
        std::vector<std::int32_t> order(task.program->ops.size());
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = static_cast<std::int32_t>(i);
        program_order_.emplace(*task.program, order, task.op_seconds, task.homes);
        accesses_ = &*program_order_;
        for (std::size_t i = 0; i < task.homes.size(); ++i)
            if (task.homes[i].home == Home::kResident) own_state_ += aligned_size(task.program->tensors[i].bytes);
        has_away_ = std::any_of(task.homes.begin(), task.homes.end(),
                                [](const TensorHome& home) { return home.home == Home::kHost; });
    }

    // Places that are copied are aligned more than others: the least can be that of a plan that moves nothing.
    std::uint64_t least() {
        if (least_ > 0) return least_;
        least_ = smallest_limit(*accesses_) + foreign_bytes();
        if (least_in_place(*accesses_) < least_)
            least_ = std::min(least_, place(in_place(), kUnlimited)->plan.extent_bytes);
        return least_;
    }

    std::optional<PlannedTime> plan(std::uint64_t budget) {
        if (budget < least()) return std::nullopt;
        const std::uint64_t available = available_of(budget);
        choose_order(budget);
        std::optional<PlannedTime> result;
        // Variables that are away have copies to schedule even where everything fits.
        if (!has_away_ && least_in_place(*accesses_) <= budget) result = place_in_place(budget);
        if (!result) result = search(available, budget);
        if (!result && has_away_ && least_in_place(*accesses_) <= budget) result = place_in_place(budget);
        if (!result) result = search_tightly(available, budget);
        if (!result) result = place(all_alone(available), budget);
        result->plan.minimum_bytes = std::min(least(), result->plan.extent_bytes);
        return result;
    }

    double expected(std::uint64_t budget) {
        double best = std::numeric_limits<double>::infinity();
        if (budget < least()) return best;
        const std::uint64_t available = available_of(budget);
        choose_order(budget);
        if (!has_away_ && least_in_place(*accesses_) <= budget)
            return steady_seconds(*accesses_, in_place(), task_.link);
        const std::span<const Weights> few(kPortfolio.data(), is_small() ? kFewest : 1);
        const std::vector<Contest> contests = compete(few, part_of(available, kTight[0]), kUnlimited);
        if (!contests.empty()) best = contests.front().seconds;
        // Where ops must have the extent to themselves, time is long but finite.
        return std::min(best, kHopeless * accesses_->begin_of(accesses_->end()));
    }

  private:
    // Ops rehearsed by all candidates together at one limit: so many at least, and so many in what the search may take
    // of a step, because a job has many of them. An op takes about as long as that to rehearse and to judge.
    static constexpr double kRehearsedOps = 5000;
    static constexpr double kShareOfStep = 0.02;
    static constexpr double kSecondsPerOp = 1e-6;
    static constexpr double kGoodEnough = 1.002;  // of the compute time
    static constexpr double kHopeless = 1e6;
    static constexpr std::size_t kFinalists = 3;   // judged by the event clock
    static constexpr std::size_t kPlaced = 4;      // at each limit
    static constexpr double kStillHopeful = 1.05;  // of an estimate, which rather is too long
    // Near the budget ops wait for copies, of which the schedule clock knows less.
    static constexpr std::size_t kTightFinalists = 8;
    static constexpr double kTightHopeful = 1.25;
    static constexpr double kUnknown = std::numeric_limits<double>::infinity();
    // Stays of more positions, or of more than a part of all, come from the bottom when they are fitted.
    static constexpr std::int32_t kLongStay = 8;
    static constexpr std::int32_t kLongPart = 8;

    struct Contest {
        double seconds;
        Weights weights;
        Schedule schedule;
        std::uint64_t smallest_copied;
    };

    // State of the job's other programs, and what is lost below the first place that is aligned for copies.
    std::uint64_t foreign_bytes() const { return aligned_size(task_.state_bytes, kCopyAlignment) - own_state_; }
    std::uint64_t available_of(std::uint64_t budget) const { return budget - foreign_bytes(); }

    // Where nothing is copied nothing is aligned for it.
    std::uint64_t least_in_place(const AccessSequence& accesses) const {
        return peak(accesses) + task_.state_bytes - own_state_;
    }

    void choose_order(std::uint64_t budget) {
        if (least_in_place(*accesses_) <= budget) return;
        releasing_.emplace(*task_.program, releasing_order(*task_.program), task_.op_seconds, task_.homes);
        // At equal peaks as well: variables that are away then leave during the step instead of all at its end.
        if (peak(*releasing_) <= peak(*program_order_)) accesses_ = &*releasing_;
    }

    const AccessSequence& accesses_of(const Weights& weights) const {
        return weights.in_program_order ? *program_order_ : *accesses_;
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

    // Not to move is worth a longer search.
    std::optional<PlannedTime> place_in_place(std::uint64_t budget) const {
        const Schedule schedule = in_place();
        auto result = place(schedule, budget);
        if (!result) result = place(schedule, kUnlimited);
        return result && result->plan.extent_bytes <= budget ? std::move(result) : std::nullopt;
    }

    std::optional<PlannedTime> place(const Schedule& schedule, std::uint64_t budget) const {
        auto plan = place_schedule(*task_.program, schedule, task_.homes, task_.state_bytes, budget);
        if (!plan) return std::nullopt;
        return PlannedTime{std::move(*plan), steady_seconds(*accesses_, schedule, task_.link)};
    }

    // Everything leaves before an op that has the extent to itself.
    static std::uint64_t smallest_copied(std::uint64_t exclusive) {
        return exclusive == kUnlimited ? kCopyAlignment : 1;
    }

    std::optional<Rehearsal> rehearse_within(std::uint64_t limit, std::uint64_t exclusive,
                                             const Weights& weights) const {
        const AccessSequence& accesses = accesses_of(weights);
        RehearsalRules rules;
        rules.relief = weights.relief;
        rules.limit_bytes = part_of(limit, 1 - weights.reserve);
        rules.copy_price = weights.copy_price;
        rules.recomputes = weights.recomputes;
        rules.moves_residents = weights.moves_residents && exclusive == kUnlimited;
        rules.smallest_copied = smallest_copied(exclusive);
        if (exclusive != kUnlimited) {
            rules.exclusive_above = rules.limit_bytes - std::min(rules.limit_bytes, own_state_);
            rules.exclusive_bytes = exclusive;
        }
        auto rehearsal = rehearse(accesses, task_.link, rules);
        if (rehearsal) hoist_copies_in(accesses, task_.link, limit, *rehearsal);
        return rehearsal;
    }

    // How many of the portfolio compete.
    std::size_t candidates() const {
        const double seconds = accesses_->begin_of(accesses_->end());
        const auto ops = static_cast<double>(std::max<std::size_t>(1, task_.program->ops.size()));
        const double affordable = (kRehearsedOps + kShareOfStep * seconds / kSecondsPerOp) / ops;
        if (affordable >= static_cast<double>(kPortfolio.size())) return kPortfolio.size();
        return std::max(kFewest, static_cast<std::size_t>(affordable));
    }
    bool is_small() const { return candidates() > kFewest; }

    // All that may be asked at this limit, the fastest first.
    std::vector<Contest> compete(std::span<const Weights> contenders, std::uint64_t limit,
                                 std::uint64_t exclusive) const {
        std::vector<Contest> contests;
        for (const Weights& weights : contenders) {
            // The same as another one.
            if (weights.in_program_order && accesses_ == &*program_order_) continue;
            if (weights.moves_residents && (own_state_ == 0 || exclusive != kUnlimited)) continue;
            auto rehearsal = rehearse_within(limit, exclusive, weights);
            if (!rehearsal) continue;
            const double seconds = steady_seconds(accesses_of(weights), rehearsal->schedule, task_.link);
            contests.push_back({seconds, weights, std::move(rehearsal->schedule), smallest_copied(exclusive)});
        }
        std::stable_sort(contests.begin(), contests.end(),
                         [](const Contest& a, const Contest& b) { return a.seconds < b.seconds; });
        return contests;
    }

    // Every op has the extent to itself. This always fits, and takes longest.
    Schedule all_alone(std::uint64_t available) const {
        RehearsalRules alone;
        alone.limit_bytes = available;
        alone.exclusive_above = 0;
        alone.exclusive_bytes = available;
        alone.smallest_copied = 0;
        alone.recomputes = false;
        return rehearse(*accesses_, task_.link, alone)->schedule;
    }

    // A schedule with its offsets, and the plan where that was made to find them.
    struct Placed {
        double seconds = 0;  // by the schedule clock
        FittedSchedule fitted;
        std::optional<Plan> plan;
    };

    // Schedules that were given offsets, and the least time among them by the schedule clock.
    struct Placements {
        std::vector<Placed> placed;
        double least = kUnknown;
    };

    double good_seconds() const { return kGoodEnough * accesses_->begin_of(accesses_->end()); }

    // Of the schedules that promise most at each limit, the plan that the event clock finds to be the fastest. A
    // tighter limit leaves placement more room; only the better half of the candidates is tried at each next one.
    std::optional<PlannedTime> search(std::uint64_t available, std::uint64_t budget) const {
        std::vector<Weights> contenders(kPortfolio.begin(), kPortfolio.begin() + candidates());
        Placements placements;
        for (const double part : kSearched) {
            const std::vector<Contest> contests = compete(contenders, part_of(available, part), kUnlimited);
            place_best(contests, budget, placements);
            if (placements.least <= good_seconds()) break;
            if (contests.empty()) continue;
            contenders.clear();
            for (const Contest& contest : contests)
                if (2 * contenders.size() < contests.size()) contenders.push_back(contest.weights);
        }
        return fastest(std::move(placements.placed), kFinalists, kStillHopeful);
    }

    // Where placement has failed close to the budget. What can be placed at a limit may be many times slower than what
    // can be placed at another one, so all limits are tried, with and without ops that have the extent to themselves.
    std::optional<PlannedTime> search_tightly(std::uint64_t available, std::uint64_t budget) const {
        const std::span<const Weights> contenders(kPortfolio.data(), kFewest);
        Placements placements;
        for (const double part : kTight)
            for (const std::uint64_t exclusive : {kUnlimited, available})
                place_best(compete(contenders, part_of(available, part), exclusive), budget, placements);
        return fastest(std::move(placements.placed), kTightFinalists, kTightHopeful);
    }

    // Only what promises more than all that was placed before.
    void place_best(std::span<const Contest> contests, std::uint64_t budget, Placements& placements) const {
        for (const Contest& contest : contests.first(std::min(contests.size(), kPlaced))) {
            if (contest.seconds >= placements.least || placements.least <= good_seconds()) return;
            add_placements(contest, budget, placements.placed);
            for (const Placed& one : placements.placed)
                placements.least = std::min(placements.least, one.seconds);
        }
    }

    // By the event clock, which judges those that are the fastest by the schedule clock.
    std::optional<PlannedTime> fastest(std::vector<Placed> placed, std::size_t finalists, double hopeful) const {
        std::stable_sort(placed.begin(), placed.end(),
                         [](const Placed& a, const Placed& b) { return a.seconds < b.seconds; });
        std::optional<PlannedTime> best;
        for (std::size_t i = 0; i < std::min(placed.size(), finalists); ++i) {
            if (best && placed[i].seconds > hopeful * best->seconds) break;
            PlannedTime planned;
            if (placed[i].plan)
                planned.plan = *std::move(placed[i].plan);
            else
                planned.plan = place_schedule_at(*task_.program, placed[i].fitted.schedule, task_.homes,
                                                 task_.state_bytes, placed[i].fitted.offsets);
            planned.seconds = clocked_seconds(planned.plan);
            if (!best || planned.seconds < best->seconds) best = std::move(planned);
            if (best->seconds <= good_seconds()) break;
        }
        return best;
    }

    // As it is, or changed until it fits in one of two ways.
    void add_placements(const Contest& contest, std::uint64_t budget, std::vector<Placed>& placed) const {
        if (auto plan = place_schedule(*task_.program, contest.schedule, task_.homes, task_.state_bytes, budget)) {
            placed.push_back({contest.seconds, {}, std::move(plan)});
            return;
        }
        const AccessSequence& accesses = accesses_of(contest.weights);
        for (const std::int32_t long_stay : {kLongStay, accesses_->end() / kLongPart}) {
            auto fitted = fit_schedule(accesses, contest.schedule, task_.link,
                                       {task_.state_bytes, budget, contest.smallest_copied, long_stay});
            if (!fitted) continue;
            const double seconds = steady_seconds(accesses, fitted->schedule, task_.link);
            placed.push_back({seconds, *std::move(fitted), std::nullopt});
        }
    }

    double clocked_seconds(const Plan& plan) const {
        constexpr int kSteps = 3;  // the last one is steady
        return run_clock_alone(*task_.program, plan, task_.op_seconds, task_.link, kSteps).jobs[0].cycle_seconds();
    }

    const PlanTask& task_;
    std::optional<AccessSequence> program_order_;
    std::optional<AccessSequence> releasing_;
    const AccessSequence* accesses_ = nullptr;  // the better one of both
    std::uint64_t least_ = 0;                   // once it was asked for
    std::uint64_t own_state_ = 0;               // of the program's own resident variables
    bool has_away_ = false;                     // a variable whose only copy between executions is the host's
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
