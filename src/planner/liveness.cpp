// Live ranges, and the plan that moves nothing; see liveness.h.
#include "planner/liveness.h"

#include <numeric>

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

Schedule schedule_in_place(const LoweredProgram& program, std::span<const TensorHome> homes) {
    const std::vector<LiveRange> ranges = live_ranges(program);
    std::vector<bool> needed(program.tensors.size());
    for (std::size_t i = 0; i < needed.size(); ++i)
        needed[i] = program.tensors[i].kind == LoweredKind::kInput;
    for (const LoweredOp& op : program.ops)
        for (const std::int32_t tensor : op.writes)
            needed[static_cast<std::size_t>(tensor)] = true;

    const auto end = static_cast<std::int32_t>(program.ops.size());
    Schedule schedule;
    schedule.sequence.resize(program.ops.size());
    std::iota(schedule.sequence.begin(), schedule.sequence.end(), 0);
    for (std::size_t i = 0; i < program.tensors.size(); ++i) {
        const auto tensor = static_cast<std::int32_t>(i);
        if (homes[i].home == Home::kResident)
            schedule.stays.push_back({tensor, Stay::kBeforeFirst, end, false, false});
        else if (is_transient(program.tensors[i].kind) && needed[i])
            schedule.stays.push_back({tensor, ranges[i].first, ranges[i].last, false, false});
    }
    return schedule;
}

Plan plan_in_place(const LoweredProgram& program) {
    const std::vector<TensorHome> homes(program.tensors.size());
    return place_schedule(program, schedule_in_place(program, homes), homes, 0, kUnlimited).value();
}

}  // namespace tensile
