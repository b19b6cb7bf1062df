// See rolling_score.h.
#include "models/forecast/rolling_score.h"

#include <algorithm>

namespace tensile {

RollingScore::RollingScore(const SeriesTable& table, std::int64_t first_origin, std::int64_t season, double level) {
    std::vector<float> values(static_cast<std::size_t>(first_origin));
    for (std::int64_t one = 0; one < table.series(); ++one) {
        for (std::int64_t step = 0; step < first_origin; ++step)
            values[static_cast<std::size_t>(step)] = table.at(step)[one];
        series_.emplace_back(seasonal_naive_scale(values, season), level);
    }
}

void RollingScore::add(const SeriesTable& truth, std::int64_t origin, const Forecast& forecast) {
    const auto count = static_cast<std::int64_t>(series_.size());
    const std::int64_t steps = std::min(forecast.horizon, truth.steps - origin);
    for (std::int64_t step = 0; step < steps; ++step)
        for (std::int64_t one = 0; one < count; ++one) {
            const auto cell = static_cast<std::size_t>(step * count + one);
            series_[static_cast<std::size_t>(one)].add(truth.at(origin + step)[one], forecast.mean[cell],
                                                       forecast.lower[cell], forecast.upper[cell]);
        }
}

std::int64_t RollingScore::points() const {
    std::int64_t points = 0;
    for (const SeriesScore& series : series_)
        points += series.count();
    return points;
}

NamedForecastMetrics RollingScore::all() const {
    ForecastScore all;
    for (const SeriesScore& series : series_)
        all.add(series);
    return all.metrics();
}

std::vector<Covariate> covariates_between(const SeriesTable& table, std::int64_t begin, std::int64_t end) {
    std::vector<Covariate> cut;
    for (const Covariate& covariate : table.covariates) {
        const auto first = covariate.values.begin() + begin * table.series();
        cut.push_back({covariate.name, {first, first + (end - begin) * table.series()}});
    }
    return cut;
}

}  // namespace tensile
