// The estimates of missing cells that imputation chooses from and blends: from interpolation in time to low-rank models
// of the table folded as (series, cycle, time of cycle). Knows nothing of how they are judged.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "models/forecast/gap_table.h"

namespace tensile {

struct GapCandidateSettings {
    std::int64_t season = 1;  // steps a cycle; 1: none
    std::uint64_t seed = 0;
    // Multiplications that one candidate may take; low-rank models learn from a part of the table, and the completion
    // of the folded tensor is left out, where they would take more.
    double most_work = 3e9;
};

// Steps of one row of the folded table: the season or a part of it; without a season an arbitrary span that shows how
// values follow each other; 0 when the table is too short to be folded.
std::int64_t fold_length(std::int64_t steps, std::int64_t season);

// Calls take(candidate, estimate [steps, series]) for one candidate after the other; `estimate` covers observed cells
// too and is valid during the call. How many there are, and which, depends on the table's shape and the settings only.
// Candidate 0 is interpolation in time. Throws Error 57014 when stopped.
using TakeCandidate = std::function<void(int candidate, std::span<const float> estimate)>;
void for_each_gap_candidate(const GapTable& table, const GapCandidateSettings& settings, const TakeCandidate& take,
                            const std::atomic<bool>* stop);

}  // namespace tensile
