// Live ranges, and the plan that moves nothing; see liveness.h.
#include "planner/liveness.h"

#include <utility>

#include "planner/offsets.h"
#include "tensor/error.h"

namespace tensile {

bool is_transient(LoweredKind kind) {
    return kind == LoweredKind::kInput || kind == LoweredKind::kResult || kind == LoweredKind::kScratch;
}

std::vector<LiveRange> live_ranges(const LoweredProgram& program) {
    const auto op_count = static_cast<std::int32_t>(program.ops.size());
    constexpr std::int32_t kUnseen = -2;
    std::vector<LiveRange> ranges(program.tensors.size(), LiveRange{kUnseen, kUnseen});
    for (std::size_t i = 0; i < program.tensors.size(); ++i)
        if (program.tensors[i].kind == LoweredKind::kInput)
            ranges[i] = {LiveRange::kBeforeFirst, LiveRange::kBeforeFirst};
    for (std::int32_t op = 0; op < op_count; ++op) {
        const LoweredOp& current = program.ops[static_cast<std::size_t>(op)];
        const auto use = [&](std::int32_t tensor, bool reads) {
            const auto slot = static_cast<std::size_t>(tensor);
            LiveRange& range = ranges.at(slot);
            if (range.first == kUnseen) {
                if (reads && is_transient(program.tensors[slot].kind))
                    throw InternalError("op \"" + current.name + "\" reads \"" + program.tensors[slot].name +
                                        "\" before any op has written it");
                range.first = op;
            }
            range.last = op;
        };
        // Scratch that a device lists as read as well is written by the same op first.
        for (std::int32_t tensor : current.reads)
            use(tensor, program.tensors.at(static_cast<std::size_t>(tensor)).kind != LoweredKind::kScratch);
        for (std::int32_t tensor : current.writes)
            use(tensor, false);
    }
    for (std::size_t i = 0; i < program.tensors.size(); ++i) {
        if (ranges[i].first == kUnseen) ranges[i] = {0, 0};
        if (program.tensors[i].is_output) ranges[i].last = op_count;
    }
    return ranges;
}

Plan plan_in_place(const LoweredProgram& program) {
    const std::vector<LiveRange> ranges = live_ranges(program);
    std::vector<bool> needed(program.tensors.size());
    for (std::size_t i = 0; i < needed.size(); ++i)
        needed[i] = program.tensors[i].kind == LoweredKind::kInput;
    for (const LoweredOp& op : program.ops)
        for (const std::int32_t tensor : op.writes)
            needed[static_cast<std::size_t>(tensor)] = true;

    Plan plan;
    plan.program = program.name;
    plan.homes.resize(program.tensors.size());
    std::vector<TimedBlock> requests;
    std::vector<std::int32_t> unopened(program.tensors.size(), -1);  // place, by tensor
    for (std::size_t i = 0; i < program.tensors.size(); ++i) {
        const LoweredTensor& tensor = program.tensors[i];
        if (!is_transient(tensor.kind) || !needed[i]) continue;
        requests.push_back({ranges[i].first, ranges[i].last, tensor.bytes});
        unopened[i] = static_cast<std::int32_t>(plan.places.size());
        plan.places.push_back({static_cast<std::int32_t>(i), 0, aligned_size(tensor.bytes)});
        if (tensor.kind == LoweredKind::kInput) plan.initial_places.push_back(std::exchange(unopened[i], -1));
    }
    const OffsetAssignment placement = assign_offsets(requests, kTensorAlignment);
    for (std::size_t i = 0; i < plan.places.size(); ++i)
        plan.places[i].offset = placement.offsets[i];
    plan.extent_bytes = placement.extent_bytes;
    plan.peak_bytes = placement.peak_bytes;
    // Nothing can leave the extent under this plan, so it is the least to run with.
    plan.minimum_bytes = placement.extent_bytes;

    for (std::size_t op = 0; op < program.ops.size(); ++op) {
        Action action{ActionKind::kRun, static_cast<std::int32_t>(op), {}, {}, {}};
        for (const std::int32_t tensor : program.ops[op].writes) {
            const std::int32_t place = std::exchange(unopened[static_cast<std::size_t>(tensor)], -1);
            if (place >= 0) action.opens.push_back(place);
        }
        plan.actions.push_back(std::move(action));
    }
    return plan;
}

}  // namespace tensile
