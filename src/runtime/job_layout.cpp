// Offsets, and the question to the planner; see job_layout.h.
#include "runtime/job_layout.h"

#include <algorithm>
#include <utility>

#include "memory/extent_allocator.h"
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

void place_copies(JobLayout& layout, std::span<const JobProgram> programs, std::span<const VariablePiece> pieces) {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const bool away = layout.homes[i].home == Home::kHost;
        layout.piece_copies.push_back(away ? layout.host_bytes : kNoOffset);
        if (away) layout.host_bytes += aligned_size(pieces[i].bytes, kCopyAlignment);
    }
    const std::uint64_t shared = layout.host_bytes;
    for (std::size_t i = 0; i < programs.size(); ++i) {
        const PlannedProgram& planned = *programs[i].planned;
        const LoweredProgram& lowered = planned.executable->lowered();
        const std::vector<bool> copied = copied_tensors(lowered, layout.plans[i]);
        std::vector<std::uint64_t>& offsets = layout.tensor_copies.emplace_back(lowered.tensors.size(), kNoOffset);
        for (std::size_t k = 0; k < programs[i].pieces.size(); ++k)
            offsets[static_cast<std::size_t>(planned.variable_tensors[k])] = layout.piece_copies[programs[i].pieces[k]];
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

std::uint64_t cut_size(std::uint64_t bytes) {
    return aligned_size(std::max<std::uint64_t>(bytes, 1), ExtentAllocator::kSmallGranule);
}

std::uint64_t JobLayout::pool_bytes() const {
    return cut_size(state_bytes) + cut_size(step_bytes);
}

JobLayout lay_out_in_place(std::span<const JobProgram> programs, std::span<const VariablePiece> pieces) {
    JobLayout layout;
    for (const VariablePiece& piece : pieces) {
        layout.homes.push_back({Home::kResident, layout.state_bytes});
        layout.state_bytes += aligned_size(piece.bytes);
    }
    place_constants(layout, programs);
    for (const JobProgram& program : programs) {
        layout.plans.push_back(plan_in_place(program.planned->executable->lowered()));
        layout.step_bytes = std::max(layout.step_bytes, layout.plans.back().step_bytes());
    }
    place_copies(layout, programs, pieces);
    return layout;
}

JobLayout lay_out_planned(std::span<const JobProgram> programs, std::span<const VariablePiece> pieces, JobPlan plan) {
    if (plan.variable_homes.size() != pieces.size() || plan.plans.size() != programs.size())
        throw InternalError("a job plan is for another job");
    JobLayout layout;
    layout.homes = std::move(plan.variable_homes);
    layout.plans = std::move(plan.plans);
    layout.state_bytes = plan.state_bytes;
    layout.step_seconds = plan.step_seconds;
    for (const Plan& program : layout.plans) {
        if (program.state_bytes != plan.state_bytes) throw InternalError("the plans of a job differ in their state");
        layout.step_bytes = std::max(layout.step_bytes, program.step_bytes());
    }
    for (PieceRange range; range.begin < pieces.size(); range.begin = range.end) {
        range = pieces_of(pieces, pieces[range.begin].variable);
        if (is_in_one_place(layout, pieces, range)) continue;
        const VariablePiece& last = pieces[range.end - 1];
        layout.step_bytes = std::max(layout.step_bytes, aligned_size(last.offset + last.bytes, kCopyAlignment));
    }
    place_constants(layout, programs);
    place_copies(layout, programs, pieces);
    return layout;
}

PieceRange pieces_of(std::span<const VariablePiece> pieces, std::size_t variable) {
    const auto range = std::ranges::equal_range(pieces, variable, {}, &VariablePiece::variable);
    return {static_cast<std::size_t>(range.begin() - pieces.begin()),
            static_cast<std::size_t>(range.end() - pieces.begin())};
}

bool is_in_one_place(const JobLayout& layout, std::span<const VariablePiece> pieces, const PieceRange& range) {
    for (std::size_t i = range.begin; i < range.end; ++i)
        if (layout.homes[i].home != Home::kResident ||
            layout.homes[i].offset != layout.homes[range.begin].offset + pieces[i].offset)
            return false;
    return true;
}

JobQuestion::JobQuestion(std::span<const JobProgram> programs, std::span<const VariablePiece> pieces,
                         const LinkModel& link, CostModel& costs) {
    for (const JobProgram& program : programs) {
        const LoweredProgram& lowered = program.planned->executable->lowered();
        ProgramTask task;
        task.program = &lowered;
        task.variables.assign(lowered.tensors.size(), -1);
        for (std::size_t k = 0; k < program.pieces.size(); ++k)
            task.variables[static_cast<std::size_t>(program.planned->variable_tensors[k])] =
                static_cast<std::int32_t>(program.pieces[k]);
        task.op_seconds = costs.seconds(costs.prepare(lowered));
        tasks_.push_back(std::move(task));
    }
    for (const VariablePiece& piece : pieces)
        piece_bytes_.push_back(piece.bytes);
    request_ = {tasks_, piece_bytes_, link};
}

}  // namespace tensile
