// A schedule: what a planner decides, before bytes have offsets. Which ops run in which order, computed again where
// that is cheaper than keeping their results, and during which positions of that sequence each tensor stays in the
// extent. place_schedule() turns it into a plan: offsets, opened places, copies and the waits that make any timing
// safe. The planner and all baselines make schedules; only this step makes plans of them. Knows neither devices nor
// memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "graph/lowered.h"
#include "planner/plan.h"

namespace tensile {

// One stay of a tensor, in positions of the sequence. Its bytes are taken at all positions in [first, last].
struct Stay {
    static constexpr std::int32_t kBeforeFirst = -1;

    std::int32_t tensor = 0;
    // kBeforeFirst: an input, or a variable whose home is resident. Otherwise the position of the run that writes it
    // first, or, if copied_in, the position from which its bytes are reserved: the copy begins as soon as they are free
    // and its turn has come, and the first user waits for it.
    std::int32_t first = 0;
    // At least the last use. After a copy out the op at position last + 1 and later ones may take the bytes: they wait
    // for the copy, so a greater `last` means less waiting. The number of positions: to the end of the program.
    std::int32_t last = 0;
    bool copied_in = false;
    // Only where the host's copy is not valid already; the copy begins after the last write in this stay.
    bool copied_out = false;
};

struct Schedule {
    std::vector<std::int32_t> sequence;  // lowered ops; one that occurs again is a recomputation
    std::vector<Stay> stays;             // those of one tensor in order and disjoint; others in any order
};

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

// Finds offsets for all stays within `limit` bytes and builds the plan. `homes` is by lowered tensor; resident homes
// lie below `state_bytes`, and whatever of the state is not this program's variables is left alone. With `limit`
// kUnlimited the smallest placement is looked for, otherwise any within the limit. Nothing when the placement does not
// fit. Deterministic. Throws InternalError when the schedule is not one of the program (a use outside all stays, a stay
// that nothing opens).
std::optional<Plan> place_schedule(const LoweredProgram& program, const Schedule& schedule,
                                   std::span<const TensorHome> homes, std::uint64_t state_bytes, std::uint64_t limit);
// The same with offsets that have been found already, by stay; those of tensors that are copied are aligned for it.
Plan place_schedule_at(const LoweredProgram& program, const Schedule& schedule, std::span<const TensorHome> homes,
                       std::uint64_t state_bytes, std::span<const std::uint64_t> offsets);

}  // namespace tensile
