// Judging forecasts against what came: the measures that backtest and training results report, for each series and over
// all. Knows no method. Points whose truth or forecast is missing are skipped.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace tensile {

// The mean absolute difference of values one season apart, over pairs that are both observed: what MASE divides by
// (Hyndman & Koehler 2006, Int. J. of Forecasting 22; in-sample, as the M4 competition defines it). NaN without a pair.
double seasonal_naive_scale(std::span<const float> history, std::int64_t season);

// The continuous ranked probability score of a forecast (Gneiting & Raftery 2007, J. Am. Stat. Assoc. 102, eq. 20), as
// twice the mean quantile loss over the levels 0.025, 0.075, ..., 0.975:
//     2/20 sum_a (1{y < q_a} - a) (q_a - y).
// The quantiles are those of a normal distribution with a spread of its own on either side of the mean, so that lower
// and upper are its (1 - level) / 2 and (1 + level) / 2 quantiles. In units of the value; for a forecast without spread
// it is the absolute error.
double crps(double truth, double mean, double lower, double upper, double level);

// The standard normal distribution's quantile of `probability` in (0, 1) (Acklam's rational approximation, refined by
// one step of Halley's method; relative error below 1e-14).
double normal_quantile(double probability);

using NamedForecastMetrics = std::vector<std::pair<std::string_view, double>>;

// Sums over forecasts of one series.
class SeriesScore {
  public:
    // `scale` is seasonal_naive_scale() of the history, `level` what intervals shall hold.
    explicit SeriesScore(double scale, double level = 0.9) : scale_(scale), level_(level) {}

    // Without bounds (NaN) the point counts for neither crps nor coverage.
    void add(double truth, double mean, double lower, double upper);

    std::int64_t count() const { return count_; }
    // rmse, mae, mase, smape (in %, as M4: 200 |y - f| / (|y| + |f|), 0 where both are 0), crps, coverage (share of
    // truths within the bounds). Undefined ones are left out: all without points, mase with a scale of 0 or none, crps
    // and coverage without bounds.
    NamedForecastMetrics metrics() const;

  private:
    friend class ForecastScore;
    double scale_;
    double level_;
    std::int64_t count_ = 0;
    std::int64_t bounded_ = 0;
    std::int64_t covered_ = 0;
    double squares_ = 0;
    double absolutes_ = 0;
    double symmetric_ = 0;
    double crps_ = 0;
};

// Over all series: rmse, mae, crps and coverage over all points; mase and smape as means over the series, as in M4.
class ForecastScore {
  public:
    void add(const SeriesScore& series);
    NamedForecastMetrics metrics() const;

  private:
    SeriesScore all_{0};
    double scaled_sum_ = 0;
    std::int64_t scaled_ = 0;
    double symmetric_sum_ = 0;
    std::int64_t symmetric_ = 0;
};

}  // namespace tensile
