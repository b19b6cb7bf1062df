// Plans: where every tensor of a lowered program lives inside its extent and when, and in which order ops and copies
// happen.
//
// A plan is a partial order anchored to completions, never to a clock (design section 3). Its actions belong to three
// queues, one for ops and one for each direction of copies. A queue performs its actions one after another in the order
// of the list; an action also waits for the actions of other queues that it names. Waits point backwards in the list,
// so the list is one of the executions and no execution can block. planner/checker.h proves that all the others are
// right too.
//
// A tensor may stay in the extent several times, at different offsets: each stay is a place. Between two stays its
// content is in the host's copy, or is computed again by running ops a second time. This file is the format and its
// text form; it knows neither devices nor memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "graph/lowered.h"

namespace tensile {

// Every offset and size of a plan is a multiple of this.
inline constexpr std::uint64_t kTensorAlignment = 64;
// Of places that are copied: what direct I/O and page-wise tiers ask for.
inline constexpr std::uint64_t kCopyAlignment = 4096;

constexpr std::uint64_t aligned_size(std::uint64_t bytes, std::uint64_t alignment = kTensorAlignment) {
    return (bytes + alignment - 1) / alignment * alignment;
}

// "input", "variable", "constant", "result", "scratch".
const char* name_of(LoweredKind kind);

inline constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

// Where a tensor is while the program does not run.
enum class Home : std::uint8_t {
    kNone,      // nowhere: results, scratch, inputs; or it lives outside the plan, at an address given by the caller
    kResident,  // a variable at a fixed offset of the extent, equal for all programs of its job
    kHost,      // a variable whose only copy is the host's
};

struct TensorHome {
    Home home = Home::kNone;
    std::uint64_t offset = kNoOffset;  // of a resident variable
    bool operator==(const TensorHome&) const = default;
};

// One stay of a tensor in the extent.
struct Place {
    std::int32_t tensor = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;  // reserved, at least the tensor's
};

enum class ActionKind : std::uint8_t {
    kRun,      // run lowered op `subject`; again, when it is a recomputation
    kCopyOut,  // copy place `subject` to the host's copy of its tensor
    kCopyIn,   // open place `subject` with the content of the host's copy
};
inline constexpr std::size_t kQueues = 3;
// The queue of a kind: ops, copies out, copies in.
constexpr std::size_t queue_of(ActionKind kind) {
    return static_cast<std::size_t>(kind);
}

struct Action {
    ActionKind kind = ActionKind::kRun;
    std::int32_t subject = 0;
    // Of kRun: the places that the op opens by writing. All its other tensors are at their latest place.
    std::vector<std::int32_t> opens;
    // Actions of other queues, earlier in the list, that must be complete before this one begins.
    std::vector<std::int32_t> waits;
    // The same of the previous execution of this plan, where its copies out may still be under way.
    std::vector<std::int32_t> previous_waits;
};

struct Plan {
    std::string program;
    std::vector<TensorHome> homes;             // by lowered tensor
    std::vector<Place> places;                 // numbered so that those of one tensor follow in time
    std::vector<std::int32_t> initial_places;  // open before the first action: inputs and resident variables
    std::vector<Action> actions;
    // Copies out of the previous execution that must be complete before the inputs are written. All its ops and copies
    // in are complete by then.
    std::vector<std::int32_t> feed_waits;

    // The extent is [0, state_bytes), which belongs to the job also between its programs, followed by the step region,
    // which only a running program uses. No place crosses the border.
    std::uint64_t state_bytes = 0;
    std::uint64_t extent_bytes = 0;
    std::uint64_t peak_bytes = 0;     // greatest sum of bytes of stays at any time: the floor for extent_bytes
    std::uint64_t minimum_bytes = 0;  // smallest extent for which the planner finds a plan

    std::uint64_t step_bytes() const { return extent_bytes - state_bytes; }
    // Whether every tensor has one place and nothing is copied or computed twice.
    bool moves_nothing() const;

    // One line an action and one a tensor, in a stable form.
    std::string to_string(const LoweredProgram& program) const;
};

// By lowered tensor: its only place, or the last one where it has several; -1 for tensors outside the plan.
std::vector<std::int32_t> last_places(const LoweredProgram& program, const Plan& plan);
// By lowered tensor: the place that is open before the first action, or -1.
std::vector<std::int32_t> first_places(const LoweredProgram& program, const Plan& plan);

}  // namespace tensile
