// Estimating the missing cells of a table of series, with intervals: what every forecasting method can call to fill
// gaps.
//
// Several estimates of each cell are made: linear interpolation, the mean of the time of the cycle, factor models of
// what series have in common at a moment and of the shapes that a cycle takes, and the low-rank completion of the table
// folded as (series, cycle, time of cycle) (gap_candidates.h). They are made twice. First with a share of the observed
// cells hidden, by gaps as the table has them (hidden_cells.h); on these cells ridge regression learns to weigh the
// estimates and the errors that they make nearby, and the size of the remaining errors is calibrated (gap_blend.h).
// Then with all observed cells, for the cells that are missing.
//
// Where all observed values of the table are >= 0, estimates and intervals are not below 0; nothing else is clipped but
// to the range of the series' observed values, widened by half of it. A constant series is filled with its constant, of
// which the interval has no width. Too few observed cells to judge by (some tens) leave linear interpolation, with
// intervals that are only a guess.
//
// Only values are looked at: what series have in common is learned from them, not from modes, graphs or covariates.
#pragma once

#include <atomic>
#include <cstdint>

#include "models/series/series_method.h"
#include "models/series/series_table.h"

namespace tensile {

struct ImputationSettings {
    std::int64_t season = 1;  // steps a cycle; 1: none
    std::uint64_t seed = 0;   // the same seed and table give the same estimates
    // Multiplications that each of at most eight estimates may take in each of the two rounds; see
    // GapCandidateSettings.
    double most_work = 3e9;
};

// Estimates for the missing cells between the first and last observed point of each series, in ascending order of
// (step, series), in the table's units. The intervals hold a share `level` in (0, 1) of values whose gaps are like the
// table's gaps. Runs on the calling thread. Throws Error 22023 for infinite values and a level or season out of range,
// Error 57014 soon after `stop` (which may be null) was set.
Imputation impute_missing(const SeriesTable& table, const ImputationSettings& settings, double level,
                          const std::atomic<bool>* stop);

}  // namespace tensile
