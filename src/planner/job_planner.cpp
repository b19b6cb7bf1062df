// Homes first, then the plans; see job_planner.h.
#include "planner/job_planner.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "planner/access_sequence.h"
#include "planner/liveness.h"
#include "planner/planner.h"

namespace tensile {

namespace {

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

// Shares of the state's bytes that may be away, tried from both sides of the best so far.
constexpr int kAwaySteps = 8;
// A job that is so little slower with all variables resident keeps them.
constexpr double kGoodEnough = 1.005;

// Of so many ops several plans are made: for so many of the shares, and for more where ops are few.
constexpr std::size_t kSmallProgram = 640;
constexpr std::size_t kPlannedSteps = 3;
constexpr std::size_t kPlannedOps = 1000;

constexpr std::uint64_t kLittleState = 20;  // one such part of the budget

// Homes of the job's variables, packed from the beginning of the extent.
struct State {
    std::vector<TensorHome> homes;  // by variable
    std::uint64_t bytes = 0;
};

class JobPlanner {
  public:
    explicit JobPlanner(const JobRequest& request) : request_(request) {}

    std::uint64_t comfortable() const {
        const State state = pack(std::vector<bool>(request_.variable_bytes.size()));
        std::uint64_t extent = state.bytes;
        for (const ProgramTask& task : request_.programs) {
            const std::vector<TensorHome> homes = homes_of(task, state);
            const Schedule schedule = schedule_in_place(*task.program, homes);
            const auto plan = place_schedule(*task.program, schedule, homes, state.bytes, kUnlimited);
            extent = std::max(extent, plan->extent_bytes);
        }
        return extent;
    }

    std::uint64_t minimum() const {
        const State state = pack(std::vector<bool>(request_.variable_bytes.size(), true));
        std::uint64_t bytes = 0;
        for (const ProgramTask& task : request_.programs) {
            const std::vector<TensorHome> homes = homes_of(task, state);
            bytes = std::max(bytes, least_bytes(plan_task(task, homes, state)));
        }
        // Where tensors are small, copies need more for their alignment than they save.
        return least_comfortable() < bytes ? std::min(bytes, comfortable()) : bytes;
    }

    std::optional<JobPlan> plan(std::uint64_t budget) {
        if (budget < minimum()) return std::nullopt;
        rank_variables();
        if (auto result = plan_small(budget)) return result;
        const int step = best_step(budget);
        auto result = plan_from(step, budget);
        if (step == 0) return result;
        // As for small programs: estimates make too little of plans with all variables resident.
        auto resident = plan_with(pack(away_at(0)), budget);
        return resident && (!result || resident->step_seconds < result->step_seconds) ? std::move(resident)
                                                                                      : std::move(result);
    }

  private:
    // No plan with all variables resident that moves nothing needs less.
    std::uint64_t least_comfortable() const {
        const State state = pack(std::vector<bool>(request_.variable_bytes.size()));
        std::uint64_t bytes = state.bytes;
        for (const ProgramTask& task : request_.programs) {
            const std::vector<std::uint64_t> live = accesses_of(task, homes_of(task, state)).live_bytes();
            bytes = std::max(bytes, *std::max_element(live.begin(), live.end()));
        }
        return bytes;
    }

    PlanTask plan_task(const ProgramTask& task, std::span<const TensorHome> homes, const State& state) const {
        return {task.program, task.op_seconds, homes, state.bytes, request_.link};
    }

    State pack(const std::vector<bool>& is_away) const {
        State state;
        state.homes.assign(is_away.size(), {Home::kHost, kNoOffset});
        // Whole copy units first: all of them are aligned for copies then, and may be absent during a step.
        for (const bool whole_units : {true, false})
            for (std::size_t variable = 0; variable < is_away.size(); ++variable) {
                const std::uint64_t bytes = request_.variable_bytes[variable];
                if (is_away[variable] || (bytes % kCopyAlignment == 0) != whole_units) continue;
                state.homes[variable] = {Home::kResident, state.bytes};
                state.bytes += aligned_size(bytes);
            }
        // The step region begins where places may be copied.
        state.bytes = aligned_size(state.bytes, kCopyAlignment);
        return state;
    }

    static std::vector<TensorHome> homes_of(const ProgramTask& task, const State& state) {
        std::vector<TensorHome> homes(task.program->tensors.size());
        for (std::size_t tensor = 0; tensor < homes.size(); ++tensor)
            if (task.variables[tensor] >= 0) homes[tensor] = state.homes[at(task.variables[tensor])];
        return homes;
    }

    // The program with the greatest peak when nothing moves, and in which order variables should be away for it: those
    // first that it needs for the shortest part of its time, per second of copying.
    void rank_variables() {
        const State resident = pack(std::vector<bool>(request_.variable_bytes.size()));
        std::uint64_t greatest = 0;
        for (std::size_t program = 0; program < request_.programs.size(); ++program) {
            const ProgramTask& task = request_.programs[program];
            const std::vector<TensorHome> homes = homes_of(task, resident);
            const std::vector<std::uint64_t> live = accesses_of(task, homes).live_bytes();
            const std::uint64_t peak = *std::max_element(live.begin(), live.end());
            if (program == 0 || peak > greatest) neediest_ = program;
            greatest = std::max(greatest, peak);
        }
        ranking_.resize(request_.variable_bytes.size());
        for (std::size_t i = 0; i < ranking_.size(); ++i)
            ranking_[i] = static_cast<std::int32_t>(i);
        if (request_.programs.empty()) return;
        const ProgramTask& task = request_.programs[neediest_];
        const State away = pack(std::vector<bool>(request_.variable_bytes.size(), true));
        const std::vector<TensorHome> homes = homes_of(task, away);
        const AccessSequence accesses = accesses_of(task, homes);
        std::vector<double> worth(ranking_.size(), std::numeric_limits<double>::infinity());
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(homes.size()); ++tensor) {
            const std::span<const std::int32_t> uses = accesses.uses_of(tensor);
            if (!accesses.is_away(tensor) || uses.empty()) continue;
            const std::int32_t variable = task.variables[at(tensor)];
            const std::uint64_t bytes = request_.variable_bytes[at(variable)];
            const double needed = accesses.begin_of(uses.back() + 1) - accesses.begin_of(uses.front());
            const double absent = accesses.begin_of(accesses.end()) - needed;
            const bool changes = accesses.next_write(tensor, AccessSequence::kBeforeFirst) != AccessSequence::kNever;
            const double seconds = request_.link.in_seconds(bytes) + (changes ? request_.link.out_seconds(bytes) : 0.0);
            worth[at(variable)] = static_cast<double>(bytes) * absent / seconds;
        }
        // Too small to be copied: only where all are away.
        for (std::size_t i = 0; i < worth.size(); ++i)
            if (request_.variable_bytes[i] < kCopyAlignment) worth[i] = -1;
        std::stable_sort(ranking_.begin(), ranking_.end(),
                         [&](std::int32_t a, std::int32_t b) { return worth[at(a)] > worth[at(b)]; });
    }

    AccessSequence accesses_of(const ProgramTask& task, std::span<const TensorHome> homes) const {
        std::vector<std::int32_t> order(task.program->ops.size());
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = static_cast<std::int32_t>(i);
        return AccessSequence(*task.program, order, task.op_seconds, homes);
    }

    // By variable: the first in the ranking, up to a share of all bytes.
    std::vector<bool> away_at(int step) const {
        std::uint64_t all = 0;
        for (const std::uint64_t bytes : request_.variable_bytes)
            all += bytes;
        std::vector<bool> is_away(ranking_.size());
        std::uint64_t sum = 0;
        for (const std::int32_t variable : ranking_) {
            const std::uint64_t bytes = request_.variable_bytes[at(variable)];
            if (step == 0 || (step < kAwaySteps &&
                              (sum + bytes > all / kAwaySteps * static_cast<unsigned>(step) || bytes < kCopyAlignment)))
                break;
            sum += bytes;
            is_away[at(variable)] = true;
        }
        return is_away;
    }

    // With as much away as at `step`, or more where that leads to no plan.
    std::optional<JobPlan> plan_from(int step, std::uint64_t budget) const {
        for (; step <= kAwaySteps; ++step)
            if (auto result = plan_with(pack(away_at(step)), budget)) return result;
        return std::nullopt;
    }

    // Small programs: whole plans for the shares of which most is expected, because estimates are not exact.
    std::optional<JobPlan> plan_small(std::uint64_t budget) const {
        double compute = 0;
        double shares = 0;
        std::size_t ops = 1;
        for (const ProgramTask& task : request_.programs) {
            ops = std::max(ops, task.program->ops.size());
            if (task.program->ops.size() > kSmallProgram) return std::nullopt;
            for (const double seconds : task.op_seconds)
                compute += task.share * seconds;
            shares += task.share;
        }
        std::vector<std::pair<double, int>> steps;
        for (int step = 0; step <= kAwaySteps && !request_.programs.empty(); ++step) {
            steps.emplace_back(expected_at(step, budget), step);
            if (request_.variable_bytes.empty()) break;
        }
        // Estimates know no staleness, with which all variables resident are often best: that is always planned.
        if (!steps.empty()) std::sort(steps.begin() + 1, steps.end());
        std::optional<JobPlan> best;
        for (std::size_t i = 0; i < std::min(steps.size(), std::max(kPlannedSteps, kPlannedOps / ops)); ++i) {
            auto result = plan_with(pack(away_at(steps[i].second)), budget);
            if (result && (!best || result->step_seconds < best->step_seconds)) best = std::move(result);
            if (best && best->step_seconds * shares <= kGoodEnough * compute) break;
        }
        return best;
    }

    double expected_at(int step, std::uint64_t budget) const {
        const State state = pack(away_at(step));
        if (state.bytes > budget) return std::numeric_limits<double>::infinity();
        const ProgramTask& task = request_.programs[neediest_];
        const std::vector<TensorHome> homes = homes_of(task, state);
        return expected_seconds(plan_task(task, homes, state), budget);
    }

    // Bisection of the shares for the least expected time; more steps away are better up to some point.
    int best_step(std::uint64_t budget) const {
        if (request_.programs.empty() || request_.variable_bytes.empty()) return 0;
        double compute = 0;
        for (const double seconds : request_.programs[neediest_].op_seconds)
            compute += seconds;
        int best = 0;
        double best_seconds = expected_at(0, budget);
        if (best_seconds <= kGoodEnough * compute) return 0;
        // Little state can give little relief.
        const bool is_possible = best_seconds < std::numeric_limits<double>::infinity();
        const std::uint64_t state_bytes = pack(std::vector<bool>(request_.variable_bytes.size())).bytes;
        if (is_possible && state_bytes < budget / kLittleState) return 0;
        for (const int step : {kAwaySteps / 2, kAwaySteps})
            keep_better(step, budget, best, best_seconds);
        if (best == 0) return best;
        const int middle = best;
        for (const int distance : {-2, 2})
            if (middle + distance < kAwaySteps) keep_better(middle + distance, budget, best, best_seconds);
        return best;
    }

    void keep_better(int step, std::uint64_t budget, int& best, double& best_seconds) const {
        const double seconds = expected_at(step, budget);
        if (seconds >= best_seconds) return;
        best = step;
        best_seconds = seconds;
    }

    std::optional<JobPlan> plan_with(const State& state, std::uint64_t budget) const {
        if (state.bytes > budget) return std::nullopt;
        const State none = pack(std::vector<bool>(request_.variable_bytes.size(), true));
        JobPlan job;
        job.variable_homes = state.homes;
        job.state_bytes = job.extent_bytes = state.bytes;
        double shares = 0;
        for (const ProgramTask& task : request_.programs) {
            const std::vector<TensorHome> homes = homes_of(task, state);
            auto planned = plan_within(plan_task(task, homes, state), budget);
            if (!planned) return std::nullopt;
            const std::vector<TensorHome> away = homes_of(task, none);
            planned->plan.minimum_bytes =
                std::min(planned->plan.extent_bytes, least_bytes(plan_task(task, away, none)));
            job.extent_bytes = std::max(job.extent_bytes, planned->plan.extent_bytes);
            job.host_bytes += host_bytes(*task.program, planned->plan);
            job.step_seconds += task.share * planned->seconds;
            shares += task.share;
            job.plans.push_back(std::move(planned->plan));
        }
        if (shares > 0) job.step_seconds /= shares;
        for (std::size_t i = 0; i < state.homes.size(); ++i)
            if (state.homes[i].home == Home::kHost)
                job.host_bytes += aligned_size(request_.variable_bytes[i], kCopyAlignment);
        return job;
    }

    // Of tensors that only this program has.
    static std::uint64_t host_bytes(const LoweredProgram& program, const Plan& plan) {
        std::vector<bool> is_copied(program.tensors.size());
        for (const Action& action : plan.actions)
            if (action.kind != ActionKind::kRun) is_copied[at(plan.places[at(action.subject)].tensor)] = true;
        std::uint64_t bytes = 0;
        for (std::size_t tensor = 0; tensor < is_copied.size(); ++tensor)
            if (is_copied[tensor] && program.tensors[tensor].kind != LoweredKind::kVariable)
                bytes += aligned_size(program.tensors[tensor].bytes, kCopyAlignment);
        return bytes;
    }

    const JobRequest& request_;
    std::size_t neediest_ = 0;
    std::vector<std::int32_t> ranking_;  // variables, the best to be away first
};

}  // namespace

std::uint64_t comfortable_bytes(const JobRequest& request) {
    return JobPlanner(request).comfortable();
}

std::uint64_t minimum_bytes(const JobRequest& request) {
    return JobPlanner(request).minimum();
}

std::optional<JobPlan> plan_job(const JobRequest& request, std::uint64_t budget) {
    return JobPlanner(request).plan(budget);
}

}  // namespace tensile
