// What a table of series holds and lacks: for users who want to know whether each series can be forecast, and why not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/model_family.h"
#include "models/series/series_table.h"

namespace tensile {

// As wide as the other members of a summary, so that stored summaries have no bytes without meaning.
enum class SeriesStatus : std::uint64_t {
    kOk,
    kConstant,     // all values are equal
    kTooShort,     // fewer values than one season and one more, or than three
    kNoValues,     // in a dense table: a combination of keys that never occurred, or only NULL and NaN
    kHasInfinite,  // infinite values were taken for missing
};

// "ok", "constant", "too_short", "no_values", "has_infinite".
std::string_view name_of(SeriesStatus status);

struct SeriesSummary {
    std::int64_t first = -1;  // step of the first value; -1: none
    std::int64_t last = -1;
    std::int64_t observed = 0;
    std::int64_t infinite = 0;  // values that were infinite in the rows, or beyond the range of real
    SeriesStatus status = SeriesStatus::kOk;

    // Cells without a value between the first and the last one.
    std::int64_t missing() const { return observed == 0 ? 0 : last - first + 1 - observed; }
};

struct SeriesReport {
    std::vector<SeriesSummary> series;
    std::int64_t rows = 0;
    std::int64_t values_null = 0;
    std::int64_t values_nan = 0;
    std::int64_t values_infinite = 0;
    std::int64_t stamps_moved = 0;       // by option "irregular"
    std::int64_t duplicates_merged = 0;  // rows beyond the first of a cell, by option "duplicates"
    std::int64_t steps_trimmed = 0;      // before the first and after the last value of all series

    std::uint64_t bytes() const { return series.capacity() * sizeof(SeriesSummary); }
};

// First and last value, counts and status of every series. `infinite` by series, or empty. Throws Error 57014 when
// `stop` is set meanwhile.
std::vector<SeriesSummary> summarize(const SeriesTable& table, std::span<const std::int64_t> infinite,
                                     std::int64_t season, const std::atomic<bool>* stop);

// Totals as rows of task "series": steps, series, cells_missing, series_constant, values_infinite, ...
std::vector<TaskMetric> report_metrics(const SeriesReport& report, const SeriesTable& table);

}  // namespace tensile
