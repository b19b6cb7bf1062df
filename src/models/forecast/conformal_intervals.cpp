// See conformal_intervals.h.
#include "models/forecast/conformal_intervals.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tensile {

namespace {

// Scores kept of a step.
constexpr std::size_t kMostScores = 1024;
// Scores that a quantile is taken of, if the nearest steps together have as many.
constexpr std::size_t kEnoughScores = 100;

// SplitMix64's finaliser: numbers that follow each other get hashes that do not.
std::uint64_t hash_of(std::uint64_t number) {
    number = (number + 1) * 0x9e3779b97f4a7c15;
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
    number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
    return number ^ (number >> 31);
}

void keep_least(std::vector<std::pair<std::uint64_t, float>>& scores) {
    std::nth_element(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(kMostScores), scores.end());
    scores.resize(kMostScores);
}

// Of a random walk; errors of forecasts that know the level's long-run mean grow less.
constexpr double kMostGrowth = 0.5;

// The slope of log width over log step in the second half of the steps, by least squares, within [0, kMostGrowth].
double growth_of(std::span<const double> widths) {
    double count = 0;
    double x_mean = 0;
    double y_mean = 0;
    double xx = 0;
    double xy = 0;
    for (std::size_t step = (widths.size() + 1) / 2; step <= widths.size(); ++step) {
        if (!(widths[step - 1] > 0)) continue;
        const double x = std::log(static_cast<double>(step));
        const double y = std::log(widths[step - 1]);
        count += 1;
        const double dx = x - x_mean;
        x_mean += dx / count;
        y_mean += (y - y_mean) / count;
        xx += dx * (x - x_mean);
        xy += dx * (y - y_mean);
    }
    return xx > 0 ? std::clamp(xy / xx, 0.0, kMostGrowth) : 0;
}

double median_of(std::vector<double> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

}  // namespace

ConformalIntervals::Calibration::Calibration(std::int64_t series, std::int64_t horizon)
    : horizon_(horizon),
      scales_(static_cast<std::size_t>(series), std::numeric_limits<float>::quiet_NaN()),
      spreads_(static_cast<std::size_t>(series)),
      samples_(static_cast<std::size_t>(horizon)) {}

void ConformalIntervals::Calibration::add(std::int64_t series, std::span<const float> residuals, double spread) {
    const auto one = static_cast<std::size_t>(series);
    spreads_[one] = static_cast<float>(spread);
    double sum = 0;
    std::int64_t count = 0;
    for (const float residual : residuals)
        if (!std::isnan(residual)) {
            sum += std::abs(residual);
            ++count;
        }
    if (count == 0) return;
    const double scale = sum / static_cast<double>(count);
    scales_[one] = static_cast<float>(scale);
    if (!(scale > 0)) return;
    for (std::size_t i = 0; i < residuals.size(); ++i) {
        if (std::isnan(residuals[i])) continue;
        Sample& sample = samples_[i % static_cast<std::size_t>(horizon_)];
        sample.kept.emplace_back(hash_of(sample.offered++), static_cast<float>(std::abs(residuals[i]) / scale));
        if (sample.kept.size() == 2 * kMostScores) keep_least(sample.kept);
    }
}

ConformalIntervals::ConformalIntervals(Calibration calibration) : scales_(std::move(calibration.scales_)) {
    for (Calibration::Sample& sample : calibration.samples_) {
        if (sample.kept.size() > kMostScores) keep_least(sample.kept);
        std::vector<float> scores;
        for (const auto& [hash, score] : sample.kept)
            scores.push_back(score);
        std::ranges::sort(scores);
        counts_.push_back(static_cast<std::uint32_t>(scores.size()));
        scores_.insert(scores_.end(), scores.begin(), scores.end());
    }
    index();

    std::vector<double> ratios;
    for (std::size_t s = 0; s < scales_.size(); ++s)
        if (!std::isnan(scales_[s]) && calibration.spreads_[s] > 0)
            ratios.push_back(scales_[s] / calibration.spreads_[s]);
    const double usual = ratios.empty() ? 1 : median_of(std::move(ratios));
    for (std::size_t s = 0; s < scales_.size(); ++s)
        if (std::isnan(scales_[s])) scales_[s] = static_cast<float>(usual * calibration.spreads_[s]);
}

void ConformalIntervals::index() {
    begins_.assign(1, 0);
    for (const std::uint32_t count : counts_)
        begins_.push_back(begins_.back() + count);
    if (begins_.back() != scores_.size())
        throw Error(sqlstate::kDataCorrupted, "intervals of the forecasting model do not fit together");
}

// The ceil((n + 1) level)-th smallest score of the step, or of as many steps about it as there are enough scores in.
double ConformalIntervals::score(std::int64_t step, double level) const {
    const std::int64_t steps = horizon();
    std::int64_t first = step;
    std::int64_t last = step;
    const auto count_of = [&] {
        return begins_[static_cast<std::size_t>(last + 1)] - begins_[static_cast<std::size_t>(first)];
    };
    while (count_of() < kEnoughScores && (first > 0 || last + 1 < steps)) {
        first = std::max<std::int64_t>(first - 1, 0);
        last = std::min(last + 1, steps - 1);
    }
    const std::uint64_t count = count_of();
    if (count == 0) return 1;
    const std::span<const float> pool(scores_.data() + begins_[static_cast<std::size_t>(first)], count);
    // With few scores the rank may lie beyond the greatest, which then has to do.
    const auto rank = static_cast<std::uint64_t>(std::ceil((static_cast<double>(count) + 1) * level));
    const std::uint64_t position = std::clamp<std::uint64_t>(rank, 1, count) - 1;
    if (first == last) return pool[position];
    std::vector<float> joined(pool.begin(), pool.end());
    std::nth_element(joined.begin(), joined.begin() + static_cast<std::ptrdiff_t>(position), joined.end());
    return joined[position];
}

std::vector<double> ConformalIntervals::relative_widths(std::int64_t horizon, double level) const {
    const std::int64_t steps = this->horizon();
    std::vector<double> widths;
    for (std::int64_t step = 0; step < std::min(horizon, steps); ++step)
        widths.push_back(score(step, level));
    if (horizon <= steps) return widths;

    const double last = steps > 0 ? widths.back() : 1;
    const double growth = steps > 1 ? growth_of(widths) : kMostGrowth;
    for (std::int64_t step = steps; step < horizon; ++step)
        widths.push_back(
            last *
            std::pow(static_cast<double>(step + 1) / static_cast<double>(std::max<std::int64_t>(steps, 1)), growth));
    return widths;
}

void ConformalIntervals::save(WeightWriter& weights) const {
    weights.write(scales_);
    weights.write(counts_);
    weights.write(scores_);
}

ConformalIntervals ConformalIntervals::load(WeightReader& weights) {
    ConformalIntervals intervals;
    intervals.scales_ = weights.read<float>();
    intervals.counts_ = weights.read<std::uint32_t>();
    intervals.scores_ = weights.read<float>();
    intervals.index();
    return intervals;
}

std::uint64_t ConformalIntervals::bytes() const {
    return (scales_.size() + scores_.size()) * sizeof(float) +
           counts_.size() * (sizeof(std::uint32_t) + sizeof(std::uint64_t));
}

}  // namespace tensile
