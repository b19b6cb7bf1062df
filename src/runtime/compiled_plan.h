// A plan in the form in which executors run it: of each op the tensors that have moved since the op before it and how
// many actions of the other queues it waits for; of each copy the same and what it copies. Made once a plan. Knows no
// addresses and no devices.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/lowered.h"
#include "memory/copy_lanes.h"
#include "planner/plan.h"

namespace tensile {

struct CompiledPlan {
    // The tensor is at that offset from the next op on.
    struct Move {
        std::int32_t tensor = 0;
        std::uint64_t offset = 0;
    };
    struct Step {
        std::int32_t op = 0;
        bool is_repeated = false;   // a recomputation
        bool is_awaited = false;    // a copy waits for it
        std::size_t moves_end = 0;  // its moves follow those of the step before
        // By queue: how many of its actions are complete before this one begins, in this execution; in the previous.
        QueueCounts after{};
        QueueCounts after_previous{};
    };
    struct Copy {
        std::uint64_t offset = 0;       // of the place, in the plan's extent
        std::uint64_t host_offset = 0;  // in the host store
        std::uint64_t bytes = 0;
        QueueCounts after{};
        QueueCounts after_previous{};
    };

    const std::vector<Copy>& copies_of(CopyDirection direction) const {
        return copies[static_cast<std::size_t>(direction)];
    }

    std::vector<Move> moves;  // those at the beginning of a run, then those of each step
    std::size_t initial_moves = 0;
    std::vector<Step> steps;
    std::array<std::vector<Copy>, kCopyDirections> copies;
    QueueCounts feed_after{};  // of the previous execution, before inputs are written
};

// `host_offsets`: by lowered tensor, kNoOffset for those that are never copied. Throws InternalError when the plan
// copies one of those.
CompiledPlan compile_plan(const LoweredProgram& program, const Plan& plan, std::span<const std::uint64_t> host_offsets);

}  // namespace tensile
