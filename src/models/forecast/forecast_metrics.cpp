// See forecast_metrics.h.
#include "models/forecast/forecast_metrics.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace tensile {

namespace {

constexpr int kQuantiles = 20;

const std::array<double, kQuantiles>& quantile_grid() {
    static const std::array<double, kQuantiles> grid = [] {
        std::array<double, kQuantiles> quantiles{};
        for (int i = 0; i < kQuantiles; ++i)
            quantiles[static_cast<std::size_t>(i)] = normal_quantile((i + 0.5) / kQuantiles);
        return quantiles;
    }();
    return grid;
}

}  // namespace

double seasonal_naive_scale(std::span<const float> history, std::int64_t season) {
    double sum = 0;
    std::int64_t count = 0;
    for (std::size_t t = static_cast<std::size_t>(season); t < history.size(); ++t) {
        const double difference = static_cast<double>(history[t]) - history[t - static_cast<std::size_t>(season)];
        if (std::isnan(difference)) continue;
        sum += std::abs(difference);
        ++count;
    }
    return count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
}

double normal_quantile(double probability) {
    static constexpr std::array<double, 6> a = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                                                1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
    static constexpr std::array<double, 5> b = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                                                6.680131188771972e+01, -1.328068155288572e+01};
    static constexpr std::array<double, 6> c = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                                                -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
    static constexpr std::array<double, 4> d = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                                                3.754408661907416e+00};
    constexpr double kTail = 0.02425;
    const auto tail = [](double q) {
        return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
               ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    };
    double x;
    if (probability < kTail) {
        x = tail(std::sqrt(-2 * std::log(probability)));
    } else if (probability > 1 - kTail) {
        x = -tail(std::sqrt(-2 * std::log1p(-probability)));
    } else {
        const double q = probability - 0.5;
        const double r = q * q;
        x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
            (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
    }
    const double error = 0.5 * std::erfc(-x / std::numbers::sqrt2) - probability;
    const double step = error * std::sqrt(2 * std::numbers::pi) * std::exp(x * x / 2);
    return x - step / (1 + x * step / 2);
}

double crps(double truth, double mean, double lower, double upper, double level) {
    const double edge = normal_quantile((1 + level) / 2);
    const double below = (mean - lower) / edge;
    const double above = (upper - mean) / edge;
    double sum = 0;
    for (int i = 0; i < kQuantiles; ++i) {
        const double share = (i + 0.5) / kQuantiles;
        const double z = quantile_grid()[static_cast<std::size_t>(i)];
        const double quantile = mean + z * (z < 0 ? below : above);
        sum += ((truth < quantile ? 1.0 : 0.0) - share) * (quantile - truth);
    }
    return 2 * sum / kQuantiles;
}

void SeriesScore::add(double truth, double mean, double lower, double upper) {
    if (std::isnan(truth) || std::isnan(mean)) return;
    const double error = std::abs(truth - mean);
    ++count_;
    squares_ += error * error;
    absolutes_ += error;
    const double size = std::abs(truth) + std::abs(mean);
    if (size > 0) symmetric_ += 200 * error / size;
    if (std::isnan(lower) || std::isnan(upper)) return;
    ++bounded_;
    covered_ += lower <= truth && truth <= upper ? 1 : 0;
    crps_ += crps(truth, mean, lower, upper, level_);
}

NamedForecastMetrics SeriesScore::metrics() const {
    NamedForecastMetrics metrics;
    if (count_ == 0) return metrics;
    const auto count = static_cast<double>(count_);
    metrics.emplace_back("rmse", std::sqrt(squares_ / count));
    metrics.emplace_back("mae", absolutes_ / count);
    if (scale_ > 0) metrics.emplace_back("mase", absolutes_ / count / scale_);
    metrics.emplace_back("smape", symmetric_ / count);
    if (bounded_ == 0) return metrics;
    metrics.emplace_back("crps", crps_ / static_cast<double>(bounded_));
    metrics.emplace_back("coverage", static_cast<double>(covered_) / static_cast<double>(bounded_));
    return metrics;
}

void ForecastScore::add(const SeriesScore& series) {
    if (series.count_ == 0) return;
    all_.count_ += series.count_;
    all_.bounded_ += series.bounded_;
    all_.covered_ += series.covered_;
    all_.squares_ += series.squares_;
    all_.absolutes_ += series.absolutes_;
    all_.crps_ += series.crps_;
    const auto count = static_cast<double>(series.count_);
    if (series.scale_ > 0) {
        scaled_sum_ += series.absolutes_ / count / series.scale_;
        ++scaled_;
    }
    symmetric_sum_ += series.symmetric_ / count;
    ++symmetric_;
}

NamedForecastMetrics ForecastScore::metrics() const {
    NamedForecastMetrics metrics;
    for (const auto& [name, value] : all_.metrics()) {
        if (name == "smape") {
            if (scaled_ > 0) metrics.emplace_back("mase", scaled_sum_ / static_cast<double>(scaled_));
            metrics.emplace_back("smape", symmetric_sum_ / static_cast<double>(symmetric_));
        } else {
            metrics.emplace_back(name, value);
        }
    }
    return metrics;
}

}  // namespace tensile
