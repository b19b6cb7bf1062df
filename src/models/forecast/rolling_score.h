// Scores of forecasts from several origins in one table, by series and over all. Knows no method.
#pragma once

#include <cstdint>
#include <vector>

#include "models/forecast/forecast_metrics.h"
#include "models/series/series_method.h"

namespace tensile {

class RollingScore {
  public:
    // Errors are scaled (MASE) by the seasonal-naive errors before `first_origin`, for all origins alike.
    RollingScore(const SeriesTable& table, std::int64_t first_origin, std::int64_t season, double level);

    // `forecast` starts at step `origin` of `truth`; what reaches beyond its end is passed over.
    void add(const SeriesTable& truth, std::int64_t origin, const Forecast& forecast);

    const SeriesScore& of(std::int64_t series) const { return series_[static_cast<std::size_t>(series)]; }
    std::int64_t points() const;
    NamedForecastMetrics all() const;

  private:
    std::vector<SeriesScore> series_;
};

// The covariates of steps [begin, end) of a table.
std::vector<Covariate> covariates_between(const SeriesTable& table, std::int64_t begin, std::int64_t end);

}  // namespace tensile
