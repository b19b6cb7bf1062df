// Makes a table of series of collected rows: infers the grid, checks what does not fit it, fills cells, and reports.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/series/series_collector.h"
#include "models/series/series_report.h"

namespace tensile {

struct SeriesRules {
    std::optional<TimeStep> step;  // inferred when nothing
    DuplicateRule duplicates = DuplicateRule::kError;
    IrregularRule irregular = IrregularRule::kError;
    std::int64_t season = 0;  // 0: usual_season()
    bool dense = false;       // series are the product of all keys
};

// The points of a table run from the first to the last value of any series. Rows behind it that have no value but
// covariates describe its future.
struct SeriesData {
    SeriesTable table;
    std::int64_t season = 1;
    std::int64_t future_steps = 0;
    std::vector<Covariate> future;  // [future_steps, series] each; empty without covariates
    SeriesReport report;
};

// Throws Error 22023 for rows that make no series (none, no value, one point in time only, times off the grid), 21000
// for two rows for one cell, 54000 for more than kMostSeriesCells cells, 57014 soon after `stop` is set.
SeriesData build_series(SeriesCollector rows, const SeriesRules& rules, const std::atomic<bool>* stop);

// `known` with the cells that `rows` hold in place of its own, and as many points more as they reach; of `rules` only
// those for duplicates and irregular times count. Throws Error 22023 for a series that `known` does not have and for
// times before its first point, and as above.
SeriesData extend_series(const SeriesData& known, SeriesCollector rows, const SeriesRules& rules,
                         const std::atomic<bool>* stop);

}  // namespace tensile
