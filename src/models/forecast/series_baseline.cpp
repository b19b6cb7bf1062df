// See series_baseline.h.
#include "models/forecast/series_baseline.h"

#include <cmath>

#include "models/forecast/ridge_solver.h"

namespace tensile {

namespace {

constexpr double kCovariateRidge = 1e-3;  // in units of the mean variance of the covariates

std::int64_t phase_of(std::int64_t step, std::int64_t period) {
    const std::int64_t phase = step % period;
    return phase < 0 ? phase + period : phase;
}

struct Line {
    double middle = 0;  // the step where it has the value `level`
    double level = 0;
    double slope = 0;
    double at(std::int64_t step) const { return level + slope * (static_cast<double>(step) - middle); }
};

// Least squares through the observed values.
Line trend_of(std::span<const float> values) {
    double count = 0;
    double steps = 0;
    double sum = 0;
    for (std::size_t t = 0; t < values.size(); ++t) {
        if (std::isnan(values[t])) continue;
        count += 1;
        steps += static_cast<double>(t);
        sum += values[t];
    }
    if (count == 0) return {};
    Line line{steps / count, sum / count, 0};
    double squares = 0;
    double products = 0;
    for (std::size_t t = 0; t < values.size(); ++t) {
        if (std::isnan(values[t])) continue;
        const double distance = static_cast<double>(t) - line.middle;
        squares += distance * distance;
        products += distance * (values[t] - line.level);
    }
    if (squares > 0) line.slope = products / squares;
    return line;
}

// Means of the phases of `period`, with their counts.
void phase_means(std::span<const float> values, const Line& trend, std::int64_t first_phase, std::int64_t period,
                 std::vector<double>& means, std::vector<double>& counts) {
    means.assign(static_cast<std::size_t>(period), 0);
    counts.assign(static_cast<std::size_t>(period), 0);
    auto phase = static_cast<std::size_t>(phase_of(first_phase, period));
    for (std::size_t t = 0; t < values.size(); ++t) {
        if (!std::isnan(values[t])) {
            means[phase] += values[t] - trend.at(static_cast<std::int64_t>(t));
            counts[phase] += 1;
        }
        if (++phase == means.size()) phase = 0;
    }
    for (std::size_t p = 0; p < means.size(); ++p)
        if (counts[p] > 0) means[p] /= counts[p];
}

std::vector<float> fit_profile(std::span<const float> values, std::int64_t first_phase, Cycle cycle) {
    const Line trend = trend_of(values);
    std::vector<double> means;
    std::vector<double> counts;
    phase_means(values, trend, first_phase, cycle.period, means, counts);
    if (cycle.inner > 0) {
        std::vector<double> inner;
        std::vector<double> inner_counts;
        phase_means(values, trend, first_phase, cycle.inner, inner, inner_counts);
        for (std::size_t p = 0; p < means.size(); ++p)
            means[p] = (means[p] * counts[p] + inner[p % inner.size()]) / (counts[p] + 1);
    }
    return {means.begin(), means.end()};
}

}  // namespace

SeriesBaseline::SeriesBaseline(std::span<const float> profile, std::span<const float> effects)
    : profile_(profile.begin(), profile.end()), effects_(effects.begin(), effects.end()) {}

SeriesBaseline SeriesBaseline::fit(const SeriesPanel& panel, std::int64_t series, std::int64_t steps, Cycle cycle) {
    SeriesBaseline baseline;
    const std::span<const float> values = panel.of(series).first(static_cast<std::size_t>(steps));
    if (cycle.period > 0) baseline.profile_ = fit_profile(values, panel.phase, cycle);

    const std::size_t covariates = panel.covariates.size();
    if (covariates == 0) return baseline;
    std::vector<double> means(covariates);
    for (std::size_t c = 0; c < covariates; ++c) {
        double sum = 0;
        double count = 0;
        for (std::size_t t = 0; t < values.size(); ++t)
            if (const float known = panel.covariate_of(c, series)[t]; !std::isnan(known)) {
                sum += known;
                count += 1;
            }
        means[c] = count > 0 ? sum / count : 0;
    }
    double level = 0;
    double count = 0;
    for (std::size_t t = 0; t < values.size(); ++t)
        if (!std::isnan(values[t])) {
            level += values[t] - baseline.at(panel, series, static_cast<std::int64_t>(t));
            count += 1;
        }
    if (count > 0) level /= count;
    std::vector<double> gram(covariates * covariates);
    std::vector<double> coefficients(covariates);
    std::vector<double> row(covariates);
    for (std::size_t t = 0; t < values.size(); ++t) {
        if (std::isnan(values[t])) continue;
        const double rest = values[t] - baseline.at(panel, series, static_cast<std::int64_t>(t)) - level;
        for (std::size_t c = 0; c < covariates; ++c) {
            const float known = panel.covariate_of(c, series)[t];
            row[c] = std::isnan(known) ? 0 : known - means[c];
        }
        for (std::size_t a = 0; a < covariates; ++a) {
            for (std::size_t b = 0; b <= a; ++b)
                gram[a * covariates + b] += row[a] * row[b];
            coefficients[a] += row[a] * rest;
        }
    }
    // Covariates are of any unit: the ridge is on standardised ones.
    std::vector<double> deviations(covariates);
    for (std::size_t a = 0; a < covariates; ++a)
        deviations[a] = gram[a * covariates + a] > 0 ? std::sqrt(gram[a * covariates + a]) : 1;
    for (std::size_t a = 0; a < covariates; ++a) {
        for (std::size_t b = 0; b <= a; ++b)
            gram[a * covariates + b] /= deviations[a] * deviations[b];
        coefficients[a] /= deviations[a];
    }
    RidgeSolver solver(covariates);
    if (!solver.factorize(gram, kCovariateRidge)) return baseline;
    solver.solve(coefficients, 1);
    for (std::size_t c = 0; c < covariates; ++c) {
        baseline.effects_.push_back(static_cast<float>(means[c]));
        baseline.effects_.push_back(static_cast<float>(coefficients[c] / deviations[c]));
    }
    return baseline;
}

double SeriesBaseline::at(const SeriesPanel& panel, std::int64_t series, std::int64_t step) const {
    double value = 0;
    if (!profile_.empty())
        value += profile_[static_cast<std::size_t>(
            phase_of(panel.phase + step, static_cast<std::int64_t>(profile_.size())))];
    for (std::size_t c = 0; 2 * c < effects_.size() && c < panel.covariates.size(); ++c) {
        const std::span<const float> known = panel.covariate_of(c, series);
        if (step >= static_cast<std::int64_t>(known.size())) continue;
        const float covariate = known[static_cast<std::size_t>(step)];
        if (!std::isnan(covariate)) value += (covariate - effects_[2 * c]) * effects_[2 * c + 1];
    }
    return value;
}

std::vector<double> SeriesBaseline::deviations(const SeriesPanel& panel, std::int64_t series, std::int64_t begin,
                                               std::int64_t end) const {
    const std::span<const float> values = panel.of(series);
    std::vector<double> rest(static_cast<std::size_t>(end - begin));
    for (std::int64_t t = begin; t < end; ++t)
        rest[static_cast<std::size_t>(t - begin)] = values[static_cast<std::size_t>(t)] - at(panel, series, t);
    return rest;
}

}  // namespace tensile
