// Which observed cells imputation hides from itself to judge its estimates: gaps as the table has them, moved to where
// it has values. Long gaps are thus judged by long gaps and single cells by single cells. Knows nothing of estimates.
#pragma once

#include <cstdint>
#include <vector>

#include "models/forecast/gap_table.h"

namespace tensile {

struct HiddenCellsSettings {
    double share = 0.12;  // of the observed cells
    std::int64_t most = 100'000;
    std::int64_t cycle = 1;  // gaps move by a multiple of it where the table is long enough
    std::uint64_t seed = 0;
};

// Ascending cells (step * series + series). Every series keeps its first and last value and most of the others. May be
// empty.
std::vector<std::int64_t> choose_hidden_cells(const GapTable& table, const HiddenCellsSettings& settings);

}  // namespace tensile
