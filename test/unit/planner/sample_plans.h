// Small plans made by hand, used by the tests of the checker and of the event clock. Together they have everything that
// a plan can have: copies, recomputation, both kinds of homes, and copies out that overlap the next execution.
#pragma once

#include "graph/lowered.h"
#include "planner/plan.h"

namespace tensile {

struct SamplePlan {
    LoweredProgram program;
    Plan plan;
};

// All tensors have this size.
inline constexpr std::uint64_t kSampleBytes = 4096;

// A training step in 5 slots, of which the first is the state: `a` goes to the host and comes back, `b` is computed
// twice, `v` is away between executions, and its copy out may overlap the next one.
SamplePlan step_sample();

// The resident variable `w` is away while a transient tensor uses the bytes of its home.
SamplePlan away_sample();

}  // namespace tensile
