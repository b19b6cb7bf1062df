#include "unit/runtime/moving_plan.h"

#include <algorithm>

#include "planner/checker.h"
#include "planner/schedule.h"
#include "runtime/plan_executor.h"
#include "tensor/error.h"

namespace tensile {

namespace {

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

bool contains(const std::vector<std::int32_t>& list, std::int32_t value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

struct Use {
    std::int32_t position = 0;
    bool reads = false;
    bool writes = false;
};

std::vector<std::vector<Use>> uses_by_tensor(const LoweredProgram& program, const std::vector<std::int32_t>& sequence) {
    std::vector<std::vector<Use>> uses(program.tensors.size());
    for (std::size_t position = 0; position < sequence.size(); ++position) {
        const LoweredOp& op = program.ops[at(sequence[position])];
        for (std::int32_t tensor = 0; at(tensor) < program.tensors.size(); ++tensor) {
            const bool reads = contains(op.reads, tensor);
            const bool writes = contains(op.writes, tensor);
            if (reads || writes) uses[at(tensor)].push_back({static_cast<std::int32_t>(position), reads, writes});
        }
    }
    return uses;
}

std::vector<TensorHome> homes_of(const LoweredProgram& program, bool host_variables, std::uint64_t& state_bytes) {
    std::vector<TensorHome> homes(program.tensors.size());
    for (std::size_t i = 0; i < homes.size(); ++i) {
        if (program.tensors[i].kind != LoweredKind::kVariable) continue;
        if (host_variables) {
            homes[i].home = Home::kHost;
        } else {
            homes[i] = {Home::kResident, state_bytes};
            state_bytes += aligned_size(program.tensors[i].bytes, kCopyAlignment);
        }
    }
    return homes;
}

// The program's own sequence, with ops that read nothing but inputs and variables once more before the last use of what
// they write, as long as nothing that they read has been written meanwhile.
std::vector<std::int32_t> repeating_sequence(const LoweredProgram& program) {
    std::vector<std::int32_t> sequence(program.ops.size());
    for (std::size_t op = 0; op < sequence.size(); ++op)
        sequence[op] = static_cast<std::int32_t>(op);
    const auto uses = uses_by_tensor(program, sequence);
    std::vector<std::pair<std::int32_t, std::int32_t>> repeats;  // before this op, that op
    for (std::size_t op = 0; op < program.ops.size(); ++op) {
        const LoweredOp& candidate = program.ops[op];
        std::int32_t last_use = 0;
        bool repeatable = true;
        for (const std::int32_t tensor : candidate.writes) {
            if (program.tensors[at(tensor)].kind == LoweredKind::kScratch) continue;
            repeatable &=
                program.tensors[at(tensor)].kind == LoweredKind::kResult && !contains(candidate.reads, tensor);
            int writers = 0;
            for (const Use& use : uses[at(tensor)])
                writers += use.writes;
            repeatable &= writers == 1;
            last_use = std::max(last_use, uses[at(tensor)].back().position);
        }
        if (last_use < static_cast<std::int32_t>(op) + 3) continue;
        for (const std::int32_t tensor : candidate.reads) {
            if (program.tensors[at(tensor)].kind == LoweredKind::kScratch) continue;
            for (const Use& use : uses[at(tensor)])
                repeatable &= !use.writes || use.position < static_cast<std::int32_t>(op) || use.position > last_use;
        }
        if (repeatable) repeats.push_back({last_use, static_cast<std::int32_t>(op)});
    }
    std::stable_sort(repeats.begin(), repeats.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    for (const auto& [before, op] : repeats)
        sequence.insert(std::find(sequence.begin(), sequence.end(), before), op);
    return sequence;
}

class StayMaker {
  public:
    StayMaker(const LoweredProgram& program, const std::vector<TensorHome>& homes, bool swaps, std::int32_t positions,
              std::vector<Stay>& stays)
        : program_(program), homes_(homes), swaps_(swaps), positions_(positions), stays_(stays) {}

    void make(std::int32_t tensor, const std::vector<Use>& uses) {
        const LoweredTensor& lowered = program_.tensors[at(tensor)];
        const Home home = homes_[at(tensor)].home;
        const bool begins_open = lowered.kind == LoweredKind::kInput || home == Home::kResident;
        const bool ends_open = lowered.is_output || home == Home::kResident;
        if (lowered.kind == LoweredKind::kConstant || (uses.empty() && !begins_open)) return;
        if (uses.empty()) {
            stays_.push_back({tensor, Stay::kBeforeFirst, ends_open ? positions_ : 0, false, false});
            return;
        }
        Stay stay{tensor, begins_open ? Stay::kBeforeFirst : uses.front().position, uses.front().position, false,
                  false};
        bool host_is_valid = home == Home::kHost;
        if (home == Home::kHost) stay.copied_in = true;
        if (begins_open && swaps_ && uses.front().position > 1) {
            // Away until the first use.
            stay.last = 0;
            leave(stay, host_is_valid);
            stay = {tensor, uses.front().position, uses.front().position, true, false};
        }
        for (std::size_t i = 0; i < uses.size(); ++i) {
            const Use& use = uses[i];
            if (i > 0 && lowered.kind != LoweredKind::kScratch && use.position > uses[i - 1].position + 1) {
                if (use.writes && !use.reads && home == Home::kNone) {
                    // Computed again.
                    stays_.push_back(stay);
                    stay = {tensor, use.position, use.position, false, false};
                } else if (swaps_ || home == Home::kHost) {
                    leave(stay, host_is_valid);
                    stay = {tensor, use.position, use.position, true, false};
                }
            } else if (i > 0 && lowered.kind == LoweredKind::kScratch) {
                stays_.push_back(stay);
                stay = {tensor, use.position, use.position, false, false};
            }
            stay.last = use.position;
            if (use.writes) host_is_valid = false;
        }
        if (home == Home::kHost)
            leave(stay, host_is_valid);
        else {
            if (ends_open) stay.last = positions_;
            stays_.push_back(stay);
        }
    }

  private:
    void leave(Stay& stay, bool& host_is_valid) {
        stay.copied_out = !host_is_valid;
        host_is_valid = true;
        stays_.push_back(stay);
    }

    const LoweredProgram& program_;
    const std::vector<TensorHome>& homes_;
    bool swaps_;
    std::int32_t positions_;
    std::vector<Stay>& stays_;
};

}  // namespace

Plan make_moving_plan(const LoweredProgram& program, const MovingPlanOptions& options) {
    std::uint64_t state_bytes = 0;
    const std::vector<TensorHome> homes = homes_of(program, options.host_variables, state_bytes);
    return make_moving_plan(program, options, homes, state_bytes);
}

Plan make_moving_plan(const LoweredProgram& program, const MovingPlanOptions& options,
                      const std::vector<TensorHome>& homes, std::uint64_t state_bytes) {
    Schedule schedule;
    if (options.recomputes)
        schedule.sequence = repeating_sequence(program);
    else
        for (std::size_t op = 0; op < program.ops.size(); ++op)
            schedule.sequence.push_back(static_cast<std::int32_t>(op));
    const auto uses = uses_by_tensor(program, schedule.sequence);
    StayMaker maker(program, homes, options.swaps, static_cast<std::int32_t>(schedule.sequence.size()), schedule.stays);
    for (std::int32_t tensor = 0; at(tensor) < program.tensors.size(); ++tensor)
        maker.make(tensor, uses[at(tensor)]);
    const std::optional<Plan> plan = place_schedule(program, schedule, homes, state_bytes, kUnlimited);
    if (!plan) throw InternalError("the schedule of a test cannot be placed");
    check_plan(program, *plan);
    return *plan;
}

namespace {

JobPlan plan_moving(const JobRequest& request, const MovingPlanOptions& options) {
    JobPlan plan;
    for (const std::uint64_t bytes : request.variable_bytes) {
        if (options.host_variables) {
            plan.variable_homes.push_back({Home::kHost, kNoOffset});
            continue;
        }
        plan.variable_homes.push_back({Home::kResident, plan.state_bytes});
        plan.state_bytes += aligned_size(bytes, kCopyAlignment);
    }
    for (const ProgramTask& task : request.programs) {
        std::vector<TensorHome> homes(task.program->tensors.size());
        for (std::size_t i = 0; i < homes.size(); ++i)
            if (task.variables[i] >= 0) homes[i] = plan.variable_homes[at(task.variables[i])];
        plan.plans.push_back(make_moving_plan(*task.program, options, homes, plan.state_bytes));
        plan.extent_bytes = std::max(plan.extent_bytes, plan.plans.back().extent_bytes);
    }
    return plan;
}

template <bool kHostVariables>
JobPlanner planner() {
    static constexpr MovingPlanOptions kOptions{true, kHostVariables, kHostVariables};
    return {[](const JobRequest& request) { return plan_moving(request, kOptions).extent_bytes; },
            [](const JobRequest& request, std::uint64_t budget) {
                std::optional<JobPlan> plan = plan_moving(request, kOptions);
                if (plan->extent_bytes > budget) plan.reset();
                return plan;
            }};
}

}  // namespace

JobPlanner moving_planner() {
    return planner<true>();
}

JobPlanner resident_moving_planner() {
    return planner<false>();
}

JobPlanner no_planner() {
    return {[](const JobRequest&) { return kNoOffset / 2; },
            [](const JobRequest&, std::uint64_t) { return std::optional<JobPlan>(); }};
}

HostLayout lay_out_host_copies(const LoweredProgram& program, const Plan& plan) {
    HostLayout layout;
    const std::vector<bool> copied = copied_tensors(program, plan);
    for (std::size_t i = 0; i < copied.size(); ++i) {
        layout.offsets.push_back(copied[i] ? layout.bytes : kNoOffset);
        if (copied[i]) layout.bytes += aligned_size(program.tensors[i].bytes, kCopyAlignment);
    }
    return layout;
}

}  // namespace tensile
