// Layouts of a job within a number of bytes of the pool: asks the planner, adds what lies beside its plans, and takes
// only what the tier of the host copies can hold. Without one plans that compute again are still possible, those that
// copy are not. Pure arithmetic; takes no memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/job_layout.h"
#include "runtime/job_memory.h"

namespace tensile {

class LayoutPlanner {
  public:
    // With the times of ops as they are known now. All outlive the planner.
    LayoutPlanner(const JobMemory& memory, const HostTier& tier, CostModel& costs, std::span<const JobProgram> programs,
                  std::span<const VariablePiece> pieces);

    // The best layout whose pool_bytes() are at most `bytes`; nothing when there is none.
    std::optional<JobLayout> plan_within(std::uint64_t bytes) const;

    // With fewer there is no layout, however large the tier is.
    std::uint64_t minimum_bytes(const JobLayout& in_place) const;

    // For how many bytes there is a layout, about the fewest, at most those of `in_place`; where the tier is short,
    // found by trying plans within `most`. Throws Error 53400 when every plan within `most` needs more spill space than
    // there can be; where the arena is too small for all of them gives the bytes of `in_place`.
    std::uint64_t least_bytes(const JobLayout& in_place, std::uint64_t most) const;

  private:
    std::optional<JobLayout> plan_anyhow(const JobQuestion& question, std::uint64_t bytes) const;
    bool every_copy_fits() const;

    const JobMemory& memory_;
    std::span<const JobProgram> programs_;
    std::span<const VariablePiece> pieces_;
    const HostTier tier_;
    std::uint64_t beside_bytes_;  // the plans: constants, and what is lost where an extent is cut
    JobQuestion question_;
    JobQuestion sparing_question_;  // copies are the last resort
};

}  // namespace tensile
