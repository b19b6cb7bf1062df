// What a plan decides for each tensor, as people want to read it: whether it is kept, swapped, dropped and read again,
// or computed again, and what that is expected to cost. Derived from the plan alone, whoever made it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "graph/lowered.h"
#include "planner/link_model.h"
#include "planner/plan.h"

namespace tensile {

enum class Decision : std::uint8_t {
    kKeep,       // one stay from first to last use
    kSwap,       // copied out while the program runs, and in again
    kDrop,       // leaves without a copy out and is read again: the host's copy is valid already
    kRecompute,  // leaves and is computed again
    kAway,       // a variable whose home is the host's copy: comes for its uses in each run of the program
};

// "keep", "swap", "drop", "recompute", "away".
const char* name_of(Decision decision);

// One tensor of a plan; all figures are those of one run of the program.
struct TensorDecision {
    std::int32_t tensor = 0;  // of the lowered program
    // The first that applies of away, swap, drop, recompute; else keep.
    Decision decision = Decision::kKeep;
    std::int32_t stays = 0;              // times that it gets a place in the extent; 0: it lives outside the plan
    std::uint64_t copied_out = 0;        // bytes
    std::uint64_t copied_in = 0;         // bytes
    std::optional<double> copy_seconds;  // of the copies, alone on the link; nothing while the link is not measured
    double recompute_seconds = 0;        // its share, by bytes, of the ops that run again and write it
    std::int32_t first_op = -1;          // op that uses it first; -1: none
    std::int32_t last_op = -1;
};

// By tensor of the program, scratch left out. `op_seconds`: expected time of one run, by lowered op. Throws
// InternalError when their number is wrong. The plan must be one that the checker accepts.
std::vector<TensorDecision> summarize(const LoweredProgram& program, const Plan& plan, const LinkModel& link,
                                      std::span<const double> op_seconds);

}  // namespace tensile
