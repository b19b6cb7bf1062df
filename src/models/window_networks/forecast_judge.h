// Judges the forecasts of a trained network on the validation samples: errors as metrics, and scores that intervals are
// made of.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/forecast/series_scaling.h"
#include "models/model_family.h"
#include "models/window_networks/step_residuals.h"
#include "models/window_networks/window_writer.h"

namespace tensile {

// Of the outputs of a network with those levels (none: a single output) the one that is the forecast, and the pairs of
// outputs whose levels lie symmetrically around it, from the outermost.
std::int64_t central_output(std::span<const double> levels);
struct LevelPair {
    std::int64_t lower;
    std::int64_t upper;
    double coverage;  // difference of their levels
};
std::vector<LevelPair> level_pairs(std::span<const double> levels);

class ForecastJudge final : public WindowJudge {
  public:
    // All outlive the judge.
    ForecastJudge(const NetworkShape& shape, const SeriesSamples& samples, const WindowData& data,
                  const SeriesScaling& scaling);

    void begin() override;
    void take(std::span<const std::uint32_t> samples, const TensorView& prediction) override;

    // Over all cells judged: rmse and mae in units of the series, and rmse_scaled, in deviations of each series. None
    // before a cell was judged.
    std::vector<TaskMetric> metrics(const std::string& task) const;
    // f[1 + pairs, horizon, kConformalGrid]: of absolute errors, then of each of level_pairs().
    std::vector<float> quantiles() const;
    std::uint64_t bytes() const;

  private:
    const NetworkShape& shape_;
    const SeriesSamples& samples_;
    const WindowData& data_;
    const SeriesScaling& scaling_;
    std::vector<LevelPair> pairs_;
    std::int64_t stride_ = 1;  // of the samples whose scores are kept
    std::vector<StepResiduals> residuals_;
    double squares_ = 0;
    double scaled_squares_ = 0;
    double absolutes_ = 0;
    std::int64_t cells_ = 0;
};

}  // namespace tensile
