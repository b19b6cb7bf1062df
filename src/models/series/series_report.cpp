// See series_report.h.
#include "models/series/series_report.h"

#include <algorithm>
#include <cmath>

#include "models/stop.h"

namespace tensile {

std::string_view name_of(SeriesStatus status) {
    switch (status) {
    case SeriesStatus::kOk:
        return "ok";
    case SeriesStatus::kConstant:
        return "constant";
    case SeriesStatus::kTooShort:
        return "too_short";
    case SeriesStatus::kNoValues:
        return "no_values";
    case SeriesStatus::kHasInfinite:
        return "has_infinite";
    }
    return "?";
}

std::vector<SeriesSummary> summarize(const SeriesTable& table, std::span<const std::int64_t> infinite,
                                     std::int64_t season, const std::atomic<bool>* stop) {
    const auto series = static_cast<std::size_t>(table.series());
    std::vector<SeriesSummary> summaries(series);
    std::vector<float> first_value(series);
    std::vector<std::uint8_t> varies(series);
    for (std::int64_t step = 0; step < table.steps; ++step) {
        if ((step & 0xFF) == 0) throw_if_stopped(stop);
        const float* row = table.at(step);
        for (std::size_t i = 0; i < series; ++i) {
            if (std::isnan(row[i])) continue;
            SeriesSummary& summary = summaries[i];
            if (summary.observed++ == 0) {
                summary.first = step;
                first_value[i] = row[i];
            }
            summary.last = step;
            if (row[i] != first_value[i]) varies[i] = 1;
        }
    }
    const std::int64_t least = std::max<std::int64_t>(3, season + 1);
    for (std::size_t i = 0; i < series; ++i) {
        SeriesSummary& summary = summaries[i];
        if (!infinite.empty()) summary.infinite = infinite[i];
        if (summary.infinite > 0)
            summary.status = SeriesStatus::kHasInfinite;
        else if (summary.observed == 0)
            summary.status = SeriesStatus::kNoValues;
        else if (summary.observed < least)
            summary.status = SeriesStatus::kTooShort;
        else if (varies[i] == 0)
            summary.status = SeriesStatus::kConstant;
    }
    return summaries;
}

std::vector<TaskMetric> report_metrics(const SeriesReport& report, const SeriesTable& table) {
    std::vector<TaskMetric> metrics;
    const auto add = [&](std::string name, std::int64_t value) {
        metrics.push_back({"series", std::move(name), static_cast<double>(value)});
    };
    const auto with_status = [&](SeriesStatus status) {
        return std::ranges::count(report.series, status, &SeriesSummary::status);
    };
    std::int64_t observed = 0;
    std::int64_t missing = 0;
    for (const SeriesSummary& summary : report.series) {
        observed += summary.observed;
        missing += summary.missing();
    }
    add("steps", table.steps);
    add("series", table.series());
    add("cells_observed", observed);
    add("cells_missing", missing);
    add("series_late_start", std::ranges::count_if(report.series, [](const auto& one) { return one.first > 0; }));
    add("series_early_end", std::ranges::count_if(report.series, [&](const auto& one) {
            return one.observed > 0 && one.last < table.steps - 1;
        }));
    add("series_constant", with_status(SeriesStatus::kConstant));
    add("series_too_short", with_status(SeriesStatus::kTooShort));
    add("series_without_values", std::ranges::count(report.series, 0, &SeriesSummary::observed));
    add("values_null", report.values_null);
    add("values_nan", report.values_nan);
    add("values_infinite", report.values_infinite);
    add("stamps_moved", report.stamps_moved);
    add("duplicates_merged", report.duplicates_merged);
    add("steps_trimmed", report.steps_trimmed);
    return metrics;
}

}  // namespace tensile
