// Plans: where every transient tensor of a lowered program lives inside its extent, and in which order ops, copies and
// releases happen.
//
// A plan is a partial order anchored to op completions, never to a clock (design section 3). This file is the format
// and its text form; planner/liveness.h makes the plan that moves nothing; planner/checker.h proves plans. Knows
// neither devices nor memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/lowered.h"

namespace tensile {

// Every offset and size of a plan is a multiple of this.
inline constexpr std::uint64_t kTensorAlignment = 64;

constexpr std::uint64_t aligned_size(std::uint64_t bytes) {
    return (bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
}

// "input", "variable", "constant", "result", "scratch".
const char* name_of(LoweredKind kind);

inline constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

enum class ActionKind : std::uint8_t {
    kRun,      // lowered op `subject`
    kRelease,  // the bytes of lowered tensor `subject` are free once the actions in `after` are complete
};

struct Action {
    ActionKind kind = ActionKind::kRun;
    std::int32_t subject = 0;
    std::vector<std::int32_t>
        after;  // indices of earlier actions that must be complete; the order of the list is a valid one
};

struct Plan {
    std::string program;
    std::vector<std::uint64_t> offsets;  // by lowered tensor, kNoOffset for variables and constants
    std::vector<Action> actions;
    std::uint64_t extent_bytes = 0;   // bytes of the transient region that the offsets use
    std::uint64_t peak_bytes = 0;     // greatest sum of live bytes at any action: the floor for extent_bytes
    std::uint64_t minimum_bytes = 0;  // smallest budget with which this program can run at all

    // One line an action and one a tensor, in a stable form.
    std::string to_string(const LoweredProgram& program) const;
};

}  // namespace tensile
