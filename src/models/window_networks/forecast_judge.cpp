// See forecast_judge.h.
#include "models/window_networks/forecast_judge.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tensile {

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr float kLeastShare = 0.1F;      // of the distance of both sides, for one
constexpr float kLeastDistance = 1e-6F;  // in deviations

// Calibration before any residual: every series varies by one deviation, as it is scaled.
ConformalIntervals::Calibration fresh_calibration(const NetworkShape& shape) {
    ConformalIntervals::Calibration calibration(shape.series, shape.horizon);
    for (std::int64_t one = 0; one < shape.series; ++one)
        calibration.add(one, {}, 1);
    return calibration;
}

}  // namespace

CentralForecast central_forecast(std::span<const double> levels, const float* row, std::int64_t horizon,
                                 std::int64_t step) {
    if (levels.empty()) return {row[step], 1, 1};
    const auto nearest = std::ranges::min_element(levels, {}, [](double level) { return std::abs(level - 0.5); });
    const auto output = [&](std::int64_t i) { return row[i * horizon + step]; };
    const float mean = output(nearest - levels.begin());
    if (levels.size() == 1) return {mean, 1, 1};
    const float below = std::max(mean - output(0), 0.0F);
    const float above = std::max(output(static_cast<std::int64_t>(levels.size()) - 1) - mean, 0.0F);
    const float least = std::max(kLeastShare * (below + above), kLeastDistance);
    return {mean, std::max(below, least), std::max(above, least)};
}

ForecastJudge::ForecastJudge(const NetworkShape& shape, const SeriesSamples& samples, const SeriesTable& table,
                             const SeriesScaling& scaling, std::int64_t fit_steps)
    : shape_(shape),
      samples_(samples),
      table_(table),
      scaling_(scaling),
      fit_steps_(fit_steps),
      calibration_(fresh_calibration(shape)) {}

void ForecastJudge::begin() {
    calibration_ = fresh_calibration(shape_);
    score_ = {};
    scaled_squares_ = 0;
    cells_ = 0;
    series_ = -1;
    residuals_.clear();
}

SeriesScore ForecastJudge::score_of(std::int64_t series) const {
    std::vector<float> history;
    for (std::int64_t step = 0; step < fit_steps_; ++step)
        history.push_back(table_.at(step)[series]);
    return SeriesScore(seasonal_naive_scale(history, shape_.season));
}

void ForecastJudge::take(std::span<const std::uint32_t> samples, const TensorView& prediction) {
    const float* row = prediction.as<float>();
    for (const std::uint32_t sample : samples) {
        const auto [series, origin] = samples_.window(sample);
        if (series != series_) {
            finish_series();
            series_ = series;
            series_score_ = score_of(series);
        }
        for (std::int64_t step = 0; step < shape_.horizon; ++step) {
            const std::int64_t at = std::int64_t{origin} + step;
            const float truth = at < table_.steps ? table_.at(at)[series] : kNone;
            residuals_.push_back(kNone);
            if (std::isnan(truth)) continue;
            const CentralForecast central = central_forecast(shape_.levels, row, shape_.horizon, step);
            const float error = scaling_.scaled(series, truth) - central.mean;
            residuals_.back() = error / (error < 0 ? central.below : central.above);
            scaled_squares_ += static_cast<double>(error) * static_cast<double>(error);
            ++cells_;
            series_score_.add(static_cast<double>(truth), static_cast<double>(scaling_.in_units(series, central.mean)),
                              static_cast<double>(kNone), static_cast<double>(kNone));
        }
        row += shape_.outputs() * shape_.horizon;
        if (sample + 1 == samples_.training_count() + samples_.validation_count()) finish_series();
    }
}

void ForecastJudge::finish_series() {
    if (series_ < 0) return;
    calibration_.add(series_, residuals_, 1);
    score_.add(series_score_);
    residuals_.clear();
    series_ = -1;
}

std::vector<TaskMetric> ForecastJudge::metrics(const std::string& task) const {
    if (cells_ == 0) return {};
    std::vector<TaskMetric> metrics;
    for (const auto& [name, value] : score_.metrics())
        metrics.push_back({task, std::string(name), value});
    metrics.push_back({task, "rmse_scaled", std::sqrt(scaled_squares_ / static_cast<double>(cells_))});
    return metrics;
}

}  // namespace tensile
