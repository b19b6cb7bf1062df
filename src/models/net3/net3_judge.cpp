// See net3_judge.h.
#include "models/net3/net3_judge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "models/forecast/rolling_origins.h"

namespace tensile {

namespace {

constexpr std::int64_t kMostOrigins = 400;
constexpr std::int64_t kMostBytes = std::int64_t{256} << 20;

std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

}  // namespace

Net3Judge::Net3Judge(const SeriesTable& history, const Net3Table& table, const Net3Samples& samples,
                     const Net3Model& model, std::int64_t training_steps, const SeriesSettings& settings)
    : history_(history),
      table_(table),
      samples_(samples),
      model_(model),
      training_steps_(training_steps),
      season_(std::max<std::int64_t>(settings.season, 1)),
      horizon_(std::min(settings.horizon, history.steps - training_steps)) {
    if (samples.validation_count() == 0) return;
    const std::int64_t bytes = Net3Rollout::bytes_of_origin(model.architecture, horizon_);
    const std::int64_t most = std::clamp<std::int64_t>(kMostBytes / bytes, 1, kMostOrigins);
    // Not every step is the origin of a window: the next one that is.
    std::int64_t sample = samples.training_count();
    const std::int64_t end = sample + samples.validation_count();
    for (const std::int64_t origin : rolling_origins(training_steps, history.steps, horizon_, most)) {
        while (sample < end && samples.origin(static_cast<std::uint32_t>(sample)) < origin)
            ++sample;
        if (sample == end) break;
        followed_.push_back(static_cast<std::uint32_t>(sample++));
    }
    rollout_bytes_ = static_cast<std::uint64_t>(bytes) * followed_.size();
}

void Net3Judge::begin() {
    rollout_.emplace(model_.architecture, horizon_);
    for (const std::uint32_t sample : followed_)
        rollout_->add(table_, samples_.origin(sample));
    ahead_ = 0;
    next_ = 0;
    score_ = {};
    squares_ = absolutes_ = standardised_ = count_ = 0;
}

void Net3Judge::take(std::span<const std::uint32_t> samples, const TensorView& prediction) {
    const float* forecast = prediction.as<float>();
    for (const std::uint32_t sample : samples) {
        if (ahead_ == 0) take_one_step(samples_.origin(sample), forecast);
        if (next_ < followed_.size() && followed_[next_] == sample)
            rollout_->take(static_cast<std::int64_t>(next_++), ahead_, forecast);
        forecast += table_.series;
    }
}

void Net3Judge::take_one_step(std::int64_t origin, const float* forecast) {
    for (std::int64_t one = 0; one < table_.series; ++one) {
        const std::size_t place = at(origin * table_.series + one);
        if (table_.present[place] == 0) continue;
        const double error = static_cast<double>(forecast[one]) - static_cast<double>(table_.values[place]);
        const double size = std::abs(error) * static_cast<double>(model_.scaling.deviation[at(one)]);
        standardised_ += error * error;
        squares_ += size * size;
        absolutes_ += size;
        count_ += 1;
    }
}

std::span<const std::uint32_t> Net3Judge::further_samples() {
    next_ = 0;
    if (++ahead_ < horizon_) return followed_;
    score_rollout();
    rollout_.reset();
    return {};
}

void Net3Judge::write_further(std::int64_t sample, std::span<const TensorView> inputs,
                              std::int64_t row) const noexcept {
    const auto found = std::ranges::lower_bound(followed_, static_cast<std::uint32_t>(sample));
    rollout_->write(found - followed_.begin(), ahead_, model_.architecture.fills_gaps, inputs, row);
    // Values and presence of the targets: none, because steps ahead are judged here.
    const std::size_t width = at(table_.series);
    for (const TensorView& target : inputs.last(2))
        std::memset(target.as<float>() + at(row) * width, 0, width * sizeof(float));
}

void Net3Judge::score_rollout() {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    std::vector<float> learned(at(training_steps_));
    for (std::int64_t one = 0; one < table_.series; ++one) {
        for (std::int64_t step = 0; step < training_steps_; ++step)
            learned[at(step)] = history_.at(step)[one];
        SeriesScore score(seasonal_naive_scale(learned, season_));
        const auto mean = static_cast<double>(model_.scaling.mean[at(one)]);
        const auto deviation = static_cast<double>(model_.scaling.deviation[at(one)]);
        for (std::size_t i = 0; i < followed_.size(); ++i) {
            const std::int64_t origin = samples_.origin(followed_[i]);
            for (std::int64_t ahead = 0; ahead < std::min(horizon_, history_.steps - origin); ++ahead) {
                const auto forecast = static_cast<double>(rollout_->forecast(static_cast<std::int64_t>(i), ahead)[one]);
                score.add(static_cast<double>(history_.at(origin + ahead)[one]), mean + deviation * forecast, kNone,
                          kNone);
            }
        }
        score_.add(score);
    }
}

std::vector<TaskMetric> Net3Judge::metrics(const std::string& task) const {
    if (count_ == 0) return {};
    std::vector<TaskMetric> metrics;
    for (const auto& [name, value] : score_.metrics())
        metrics.push_back({task, std::string(name), value});
    metrics.push_back({task, "one_step_rmse", std::sqrt(squares_ / count_)});
    metrics.push_back({task, "one_step_mae", absolutes_ / count_});
    metrics.push_back({task, "standardized_rmse", std::sqrt(standardised_ / count_)});
    return metrics;
}

}  // namespace tensile
