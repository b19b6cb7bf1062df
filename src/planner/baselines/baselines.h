// The published methods that the planner is compared with, for the same programs, link and pool. Each makes a schedule;
// place_schedule() makes the plan, so checker and event clock judge all alike. As strong as their papers allow: where a
// paper leaves a choice open, the better one is taken. Variables stay resident except where a method says otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "graph/lowered.h"
#include "planner/link_model.h"
#include "planner/plan.h"

namespace tensile {

struct BaselineRequest {
    const LoweredProgram* program = nullptr;
    std::span<const double> op_seconds;  // by lowered op
    LinkModel link;
};

// Each gives nothing when it finds no plan within `budget` bytes.

// Every tensor from its first to its last use: what any framework with reference counts does. The 0 % line.
std::optional<Plan> plan_liveness_only(const BaselineRequest& request, std::uint64_t budget);

// vDNN (Rhu et al., MICRO 2016): feature maps leave behind their last forward reader, which the layer boundary waits
// for, and come back one layer ahead of their backward reader.
enum class VdnnVariant : std::uint8_t {
    kConvolutions,  // only maps whose last forward reader does much arithmetic
    kAll,
    kDynamic,  // the fastest of: nothing moved, kConvolutions, kAll
};
std::optional<Plan> plan_vdnn(const BaselineRequest& request, std::uint64_t budget, VdnnVariant variant);

// Capuchin (Peng et al., ASPLOS 2020): gaps over the peak by free time; swaps that can be hidden first, then the
// cheaper of an exposed swap and recomputation by memory saved per second, with collective recomputation; prefetches
// move earlier until they are hidden.
std::optional<Plan> plan_capuchin(const BaselineRequest& request, std::uint64_t budget);

// TENSILE as published (arXiv 2105.13336): largest tensors first, copies out as early and copies in as late as they fit
// into a half-duplex timeline, updated variables also across the iteration boundary, recomputation of depth one. It
// minimises the peak and knows no budget: `stop_at_budget` ends the search when the peak fits, which the paper lacks.
std::optional<Plan> plan_tensile_published(const BaselineRequest& request, std::uint64_t budget, bool stop_at_budget);

// DTR (Kirisame et al., ICLR 2021): on-line eviction by cost / (size x staleness), recomputation only.
std::optional<Plan> plan_dtr(const BaselineRequest& request, std::uint64_t budget);

// The fastest plan over all ways to keep, swap or recompute each tensor of a small program over its widest gap: a
// yardstick for tests. Throws InternalError for more than `max_gaps` gaps.
std::optional<Plan> plan_optimum(const BaselineRequest& request, std::uint64_t budget, int max_gaps = 12);

}  // namespace tensile
