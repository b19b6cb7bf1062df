// Offsets, and the question to the planner; see job_layout.h.
#include "runtime/job_layout.h"

#include <algorithm>
#include <utility>

#include "planner/liveness.h"
#include "tensor/error.h"

namespace tensile {

namespace {

void place_constants(JobLayout& layout, std::span<const JobProgram> programs) {
    for (const JobProgram& program : programs) {
        layout.constants.push_back(layout.state_bytes);
        layout.state_bytes += program.planned->constant_bytes;
    }
}

void place_copies(JobLayout& layout, std::span<const JobProgram> programs, std::span<const Variable> variables) {
    for (std::size_t i = 0; i < variables.size(); ++i) {
        const bool away = layout.variables[i].home == Home::kHost;
        layout.variable_copies.push_back(away ? layout.host_bytes : kNoOffset);
        if (away) layout.host_bytes += aligned_size(variables[i].type.bytes(), kCopyAlignment);
    }
    const std::uint64_t shared = layout.host_bytes;
    for (std::size_t i = 0; i < programs.size(); ++i) {
        const PlannedProgram& planned = *programs[i].planned;
        const LoweredProgram& lowered = planned.executable->lowered();
        const std::vector<bool> copied = copied_tensors(lowered, layout.plans[i]);
        std::vector<std::uint64_t>& offsets = layout.tensor_copies.emplace_back(lowered.tensors.size(), kNoOffset);
        for (std::size_t k = 0; k < programs[i].variables.size(); ++k)
            offsets[static_cast<std::size_t>(planned.variable_tensors[k])] =
                layout.variable_copies[programs[i].variables[k]];
        std::uint64_t end = shared;
        for (std::size_t tensor = 0; tensor < offsets.size(); ++tensor) {
            if (!copied[tensor] || offsets[tensor] != kNoOffset) continue;
            offsets[tensor] = end;
            end += aligned_size(lowered.tensors[tensor].bytes, kCopyAlignment);
        }
        layout.host_bytes = std::max(layout.host_bytes, end);
    }
}

}  // namespace

JobLayout lay_out_in_place(std::span<const JobProgram> programs, std::span<const Variable> variables) {
    JobLayout layout;
    for (const Variable& variable : variables) {
        layout.variables.push_back({Home::kResident, layout.state_bytes});
        layout.state_bytes += aligned_size(variable.type.bytes());
    }
    place_constants(layout, programs);
    for (const JobProgram& program : programs) {
        layout.plans.push_back(plan_in_place(program.planned->executable->lowered()));
        layout.step_bytes = std::max(layout.step_bytes, layout.plans.back().step_bytes());
    }
    place_copies(layout, programs, variables);
    return layout;
}

JobLayout lay_out_planned(std::span<const JobProgram> programs, std::span<const Variable> variables, JobPlan plan) {
    if (plan.variable_homes.size() != variables.size() || plan.plans.size() != programs.size())
        throw InternalError("a job plan is for another job");
    JobLayout layout;
    layout.variables = std::move(plan.variable_homes);
    layout.plans = std::move(plan.plans);
    layout.state_bytes = plan.state_bytes;
    for (const Plan& program : layout.plans) {
        if (program.state_bytes != plan.state_bytes) throw InternalError("the plans of a job differ in their state");
        layout.step_bytes = std::max(layout.step_bytes, program.step_bytes());
    }
    for (std::size_t i = 0; i < variables.size(); ++i)
        if (layout.variables[i].home == Home::kHost)
            layout.step_bytes = std::max(layout.step_bytes, aligned_size(variables[i].type.bytes(), kCopyAlignment));
    place_constants(layout, programs);
    place_copies(layout, programs, variables);
    return layout;
}

JobQuestion::JobQuestion(std::span<const JobProgram> programs, std::span<const Variable> variables,
                         const LinkModel& link, CostModel& costs) {
    for (const JobProgram& program : programs) {
        const LoweredProgram& lowered = program.planned->executable->lowered();
        ProgramTask task;
        task.program = &lowered;
        task.variables.assign(lowered.tensors.size(), -1);
        for (std::size_t k = 0; k < program.variables.size(); ++k)
            task.variables[static_cast<std::size_t>(program.planned->variable_tensors[k])] =
                static_cast<std::int32_t>(program.variables[k]);
        task.op_seconds = costs.seconds(costs.prepare(lowered));
        tasks_.push_back(std::move(task));
    }
    for (const Variable& variable : variables)
        variable_bytes_.push_back(variable.type.bytes());
    request_ = {tasks_, variable_bytes_, link};
}

}  // namespace tensile
