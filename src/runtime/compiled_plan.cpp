// See compiled_plan.h.
#include "runtime/compiled_plan.h"

#include <algorithm>
#include <set>

#include "tensor/error.h"

namespace tensile {

namespace {

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

// Tensors with places at different offsets: those whose address changes during a run.
std::vector<bool> travelling_tensors(const LoweredProgram& program, const Plan& plan) {
    std::vector<bool> travels(program.tensors.size());
    std::vector<std::uint64_t> seen(program.tensors.size(), kNoOffset);
    for (const Place& place : plan.places) {
        std::uint64_t& offset = seen[at(place.tensor)];
        if (offset != kNoOffset && offset != place.offset) travels[at(place.tensor)] = true;
        offset = place.offset;
    }
    return travels;
}

class Compiler {
  public:
    Compiler(const LoweredProgram& program, const Plan& plan, std::span<const std::uint64_t> host_offsets)
        : program_(program), plan_(plan), host_offsets_(host_offsets), travels_(travelling_tensors(program, plan)) {
        QueueCounts length{};
        for (const Action& action : plan.actions)
            position_.push_back(++length[queue_of(action.kind)]);
    }

    CompiledPlan compile() {
        for (const std::int32_t place : plan_.initial_places)
            add_move(place);
        compiled_.initial_moves = compiled_.moves.size();
        for (const Action& action : plan_.actions)
            action.kind == ActionKind::kRun ? add_step(action) : add_copy(action);
        for (const std::uint32_t count : awaited_)
            if (count > 0) compiled_.steps[count - 1].is_awaited = true;
        compiled_.feed_after = counts(plan_.feed_waits);
        return std::move(compiled_);
    }

  private:
    // The counters that stand for a list of waits.
    QueueCounts counts(const std::vector<std::int32_t>& waits) const {
        QueueCounts counts{};
        for (const std::int32_t action : waits) {
            std::uint32_t& count = counts[queue_of(plan_.actions[at(action)].kind)];
            count = std::max(count, position_[at(action)]);
        }
        return counts;
    }

    void add_move(std::int32_t index) {
        const Place& place = plan_.places[at(index)];
        if (travels_[at(place.tensor)]) compiled_.moves.push_back({place.tensor, place.offset});
    }

    void add_step(const Action& action) {
        for (const std::int32_t place : action.opens)
            add_move(place);
        compiled_.steps.push_back({action.subject, ran_[at(action.subject)], false, compiled_.moves.size(),
                                   counts(action.waits), counts(action.previous_waits)});
        ran_[at(action.subject)] = true;
    }

    void add_copy(const Action& action) {
        // The place is the tensor's latest for all ops behind it in the list.
        if (action.kind == ActionKind::kCopyIn) add_move(action.subject);
        const Place& place = plan_.places[at(action.subject)];
        const std::uint64_t host_offset =
            at(place.tensor) < host_offsets_.size() ? host_offsets_[at(place.tensor)] : kNoOffset;
        if (host_offset == kNoOffset)
            throw InternalError("tensor \"" + program_.tensors[at(place.tensor)].name + "\" of program \"" +
                                program_.name + "\" is copied but has no place in the host store");
        const CopyDirection direction = action.kind == ActionKind::kCopyOut ? CopyDirection::kOut : CopyDirection::kIn;
        compiled_.copies[static_cast<std::size_t>(direction)].push_back(
            {place.offset, host_offset, aligned_size(program_.tensors[at(place.tensor)].bytes, kCopyAlignment),
             counts(action.waits), counts(action.previous_waits)});
        awaited_.insert(counts(action.waits)[queue_of(ActionKind::kRun)]);
    }

    const LoweredProgram& program_;
    const Plan& plan_;
    std::span<const std::uint64_t> host_offsets_;
    std::vector<bool> travels_;            // by tensor
    std::vector<std::uint32_t> position_;  // by action: its number in its queue, from 1
    std::vector<bool> ran_ = std::vector<bool>(program_.ops.size());
    std::set<std::uint32_t> awaited_;  // numbers of steps
    CompiledPlan compiled_;
};

}  // namespace

CompiledPlan compile_plan(const LoweredProgram& program, const Plan& plan,
                          std::span<const std::uint64_t> host_offsets) {
    return Compiler(program, plan, host_offsets).compile();
}

}  // namespace tensile
