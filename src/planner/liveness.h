// When each tensor of a lowered program is needed, and the plan that moves nothing.
//
// The program is static, so the access sequence is exact before the first step: a tensor lives from the op that first
// writes it (an input: from before the first op) to the op that last uses it (an output: to the end). Knows neither
// devices nor memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/lowered.h"
#include "planner/plan.h"
#include "planner/schedule.h"

namespace tensile {

// Positions of ops in the lowered order; an interval is closed at both ends.
struct LiveRange {
    static constexpr std::int32_t kBeforeFirst = -1;

    std::int32_t first = 0;  // op that first uses the tensor; kBeforeFirst for inputs
    std::int32_t last = 0;   // op that last uses it; the number of ops for outputs

    bool overlaps(const LiveRange& other) const { return first <= other.last && other.first <= last; }
};

// Tensors that live in the plan's extent: inputs, results and scratch.
bool is_transient(LoweredKind kind);

// By lowered tensor; meaningless for variables and constants. A result that is neither used nor an output gets the
// range of one op. Throws InternalError when a result or scratch tensor is read before it is written.
std::vector<LiveRange> live_ranges(const LoweredProgram& program);

// Without swapping or recomputation: every tensor keeps one place for its whole life and ops run in the program's
// order. `homes` is by lowered tensor and names no variable that is away.
Schedule schedule_in_place(const LoweredProgram& program, std::span<const TensorHome> homes);
// The smallest plan of that schedule with all variables outside. Deterministic.
Plan plan_in_place(const LoweredProgram& program);

}  // namespace tensile
