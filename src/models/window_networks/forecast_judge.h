// Judges the forecasts of a trained network on the validation samples: errors as metrics, and residuals that intervals
// are made of (models/forecast/conformal_intervals.h).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/forecast/conformal_intervals.h"
#include "models/forecast/forecast_metrics.h"
#include "models/forecast/series_scaling.h"
#include "models/model_family.h"
#include "models/window_networks/window_writer.h"

namespace tensile {

// The forecast in a row of a network's outputs [levels, horizon], and how far the truth usually lies below and above
// it, all scaled by series. Without levels these are 1; with levels the distances to the outermost quantiles, of which
// neither counts less than a tenth of both: outputs may cross.
struct CentralForecast {
    float mean;
    float below;
    float above;
};
CentralForecast central_forecast(std::span<const double> levels, const float* row, std::int64_t horizon,
                                 std::int64_t step);

// Residuals are divided by the usual distance of their side, so that intervals have the shape that the network
// predicts.
class ForecastJudge final : public WindowJudge {
  public:
    // All outlive the judge. `table` holds the series of the samples, the first `fit_steps` of which are learned from.
    ForecastJudge(const NetworkShape& shape, const SeriesSamples& samples, const SeriesTable& table,
                  const SeriesScaling& scaling, std::int64_t fit_steps);

    void begin() override;
    void take(std::span<const std::uint32_t> samples, const TensorView& prediction) override;

    // Over all cells judged: those of ForecastScore in units of the series, and rmse_scaled, in deviations of each
    // series. None before a cell was judged.
    std::vector<TaskMetric> metrics(const std::string& task) const;
    // Of a share of the usual distances. Without validation a guess: one deviation of the series.
    ConformalIntervals intervals() const { return ConformalIntervals(calibration_); }

  private:
    // The series at hand is judged completely: samples come one series after the other.
    void finish_series();
    SeriesScore score_of(std::int64_t series) const;

    const NetworkShape& shape_;
    const SeriesSamples& samples_;
    const SeriesTable& table_;
    const SeriesScaling& scaling_;
    std::int64_t fit_steps_;

    ConformalIntervals::Calibration calibration_;
    ForecastScore score_;
    double scaled_squares_ = 0;
    std::int64_t cells_ = 0;
    // Of the series at hand.
    std::int64_t series_ = -1;
    SeriesScore series_score_{0};
    std::vector<float> residuals_;  // [samples, horizon]
};

}  // namespace tensile
