// See layout_planner.h.
#include "runtime/layout_planner.h"

#include <algorithm>

#include "memory/extent_allocator.h"

namespace tensile {

namespace {

// What plans are made with where nothing may be copied: a byte takes a second, so copies are the last resort.
constexpr LinkModel kNoLink{1, 1, 2, 0};

// Halvings of the interval in which the fewest bytes lie; each costs a plan.
constexpr int kHalvings = 4;

std::uint64_t beside_bytes(std::span<const JobProgram> programs) {
    std::uint64_t bytes = 2 * ExtentAllocator::kSmallGranule;
    for (const JobProgram& program : programs)
        bytes += program.planned->constant_bytes;
    return bytes;
}

}  // namespace

LayoutPlanner::LayoutPlanner(const JobMemory& memory, const HostTier& tier, CostModel& costs,
                             std::span<const JobProgram> programs, std::span<const VariablePiece> pieces)
    : memory_(memory),
      programs_(programs),
      pieces_(pieces),
      tier_(tier),
      beside_bytes_(beside_bytes(programs)),
      question_(programs, pieces, tier.limit > 0 ? tier.link : kNoLink, costs),
      sparing_question_(programs, pieces, kNoLink, costs) {}

std::optional<JobLayout> LayoutPlanner::plan_within(std::uint64_t bytes) const {
    std::optional<JobLayout> layout = plan_anyhow(question_, bytes);
    // Where the fastest plan would copy too much, one that copies only what it must may fit.
    if (layout && layout->host_bytes > tier_.limit && tier_.limit > 0) layout = plan_anyhow(sparing_question_, bytes);
    return layout && layout->host_bytes <= tier_.limit ? std::move(layout) : std::nullopt;
}

std::optional<JobLayout> LayoutPlanner::plan_anyhow(const JobQuestion& question, std::uint64_t bytes) const {
    std::uint64_t beside = beside_bytes_;
    while (beside < bytes) {
        std::optional<JobPlan> plan = memory_.planner.plan_job(question.request(), bytes - beside);
        if (!plan) return std::nullopt;
        JobLayout layout = lay_out_planned(programs_, pieces_, *std::move(plan));
        const std::uint64_t needed = layout.pool_bytes();
        if (needed <= bytes) return layout;
        // A variable that no program uses wants more room than any step.
        beside += needed - bytes;
    }
    return std::nullopt;
}

// No plan copies more than everything.
bool LayoutPlanner::every_copy_fits() const {
    std::uint64_t bytes = 0;
    for (const VariablePiece& piece : pieces_)
        bytes += aligned_size(piece.bytes, kCopyAlignment);
    for (const JobProgram& program : programs_)
        for (const LoweredTensor& tensor : program.planned->executable->lowered().tensors)
            bytes += aligned_size(tensor.bytes, kCopyAlignment);
    return bytes <= tier_.limit;
}

std::uint64_t LayoutPlanner::minimum_bytes(const JobLayout& in_place) const {
    return std::min(in_place.pool_bytes(), memory_.planner.minimum_bytes(question_.request()) + beside_bytes_);
}

std::uint64_t LayoutPlanner::least_bytes(const JobLayout& in_place, std::uint64_t most) const {
    const std::uint64_t whole = in_place.pool_bytes();
    std::uint64_t too_few = minimum_bytes(in_place);
    if (too_few == whole || too_few > most || every_copy_fits() || plan_within(too_few)) return too_few;
    std::uint64_t enough = whole;
    if (most < whole) {
        if (!plan_within(most)) {
            const std::optional<JobLayout> layout = plan_anyhow(sparing_question_, most);
            if (layout && tier_.limit > 0 && !tier_.is_pinned) memory_.spill.require(layout->host_bytes);
            return whole;
        }
        enough = most;
    }
    for (int halving = 0; halving < kHalvings; ++halving) {
        const std::uint64_t middle = too_few + (enough - too_few) / 2;
        (plan_within(middle) ? enough : too_few) = middle;
    }
    return enough;
}

}  // namespace tensile
