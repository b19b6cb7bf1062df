// See forecast_judge.h.
#include "models/window_networks/forecast_judge.h"

#include <algorithm>
#include <cmath>

namespace tensile {

namespace {

// Scores kept for intervals, over all steps and kinds.
constexpr std::int64_t kMostScores = std::int64_t{1} << 22;

}  // namespace

std::int64_t central_output(std::span<const double> levels) {
    if (levels.empty()) return 0;
    const auto nearest = std::ranges::min_element(levels, {}, [](double level) { return std::abs(level - 0.5); });
    return nearest - levels.begin();
}

std::vector<LevelPair> level_pairs(std::span<const double> levels) {
    std::vector<LevelPair> pairs;
    for (std::size_t i = 0; i < levels.size(); ++i)
        for (std::size_t j = levels.size() - 1; j > i; --j)
            if (std::abs(levels[i] + levels[j] - 1) < 1e-9)
                pairs.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(j), levels[j] - levels[i]});
    return pairs;
}

ForecastJudge::ForecastJudge(const NetworkShape& shape, const SeriesSamples& samples, const WindowData& data,
                             const SeriesScaling& scaling)
    : shape_(shape), samples_(samples), data_(data), scaling_(scaling), pairs_(level_pairs(shape.levels)) {
    residuals_.resize(1 + pairs_.size(), StepResiduals(shape.horizon));
    const std::int64_t a_sample = shape.horizon * static_cast<std::int64_t>(residuals_.size());
    stride_ = std::max<std::int64_t>(1, samples.validation_count() * a_sample / kMostScores);
}

void ForecastJudge::begin() {
    for (StepResiduals& residuals : residuals_)
        residuals.clear();
    squares_ = scaled_squares_ = absolutes_ = 0;
    cells_ = 0;
}

void ForecastJudge::take(std::span<const std::uint32_t> samples, const TensorView& prediction) {
    const std::int64_t horizon = shape_.horizon;
    const std::int64_t center = central_output(shape_.levels);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto [series, origin] = samples_.window(samples[i]);
        const float* row = prediction.as<float>() + static_cast<std::int64_t>(i) * shape_.outputs() * horizon;
        const std::int64_t steps = std::min(horizon, data_.steps() - std::int64_t{origin});
        for (std::int64_t step = 0; step < steps; ++step) {
            if (!data_.present(series, origin + step)) continue;
            const float truth = data_.value(series, origin + step);
            const float error = std::abs(row[center * horizon + step] - truth);
            const double in_units = static_cast<double>(error) * static_cast<double>(scaling_.deviation[series]);
            squares_ += in_units * in_units;
            absolutes_ += in_units;
            scaled_squares_ += static_cast<double>(error) * static_cast<double>(error);
            ++cells_;
            if (samples[i] % stride_ != 0) continue;
            residuals_[0].add(step, error);
            for (std::size_t pair = 0; pair < pairs_.size(); ++pair) {
                // Outputs of levels may cross.
                const auto [low, high] =
                    std::minmax(row[pairs_[pair].lower * horizon + step], row[pairs_[pair].upper * horizon + step]);
                residuals_[1 + pair].add(step, std::max(low - truth, truth - high));
            }
        }
    }
}

std::vector<TaskMetric> ForecastJudge::metrics(const std::string& task) const {
    if (cells_ == 0) return {};
    const auto count = static_cast<double>(cells_);
    return {{task, "rmse", std::sqrt(squares_ / count)},
            {task, "mae", absolutes_ / count},
            {task, "rmse_scaled", std::sqrt(scaled_squares_ / count)}};
}

std::vector<float> ForecastJudge::quantiles() const {
    std::vector<float> result;
    for (const StepResiduals& residuals : residuals_) {
        const std::vector<float> one = residuals.quantiles();
        result.insert(result.end(), one.begin(), one.end());
    }
    return result;
}

std::uint64_t ForecastJudge::bytes() const {
    std::uint64_t bytes = 0;
    for (const StepResiduals& residuals : residuals_)
        bytes += residuals.bytes();
    return bytes;
}

}  // namespace tensile
