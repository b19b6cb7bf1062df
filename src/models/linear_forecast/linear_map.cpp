// See linear_map.h.
#include "models/linear_forecast/linear_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <nlohmann/json.hpp>

#include "models/forecast/dense_product.h"
#include "models/forecast/gap_bridges.h"
#include "models/forecast/lag_gram.h"
#include "models/forecast/ridge_solver.h"
#include "models/forecast/series_baseline.h"
#include "models/forecast/value_range.h"
#include "models/linear_forecast/lag_shapes.h"
#include "models/stop.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMostLookBack = 1024;
constexpr std::int64_t kMostHorizon = 1024;  // of one application of the map
constexpr std::int64_t kBridgedGap = 6;
constexpr std::array<double, 6> kRidges = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1};

// What the map is; its coefficients are found by solve().
struct MapShape {
    Cycle cycle;
    std::int64_t look_back = 1;
    std::int64_t horizon = 1;
    double lambda = 0;
};

// Every series less its baseline, centred and in units of its deviation.
struct ScaledSeries {
    std::vector<SeriesBaseline> baselines;
    std::vector<float> scales;  // standard deviations; 0: constant, not learned from
    std::vector<std::vector<double>> values;  // of the steps asked for, gaps NaN
};

ScaledSeries scaled_series(const SeriesPanel& panel, std::int64_t fit_steps, std::int64_t steps, const Cycle& cycle,
                           const std::atomic<bool>* stop) {
    ScaledSeries scaled;
    for (std::int64_t s = 0; s < panel.series; ++s) {
        throw_if_stopped(stop);
        scaled.baselines.push_back(SeriesBaseline::fit(panel, s, fit_steps, cycle));
        std::vector<double> values = scaled.baselines.back().deviations(panel, s, 0, steps);
        double count = 0;
        double mean = 0;
        for (std::int64_t t = 0; t < fit_steps; ++t)
            if (const double value = values[static_cast<std::size_t>(t)]; !std::isnan(value)) {
                mean += value;
                count += 1;
            }
        if (count > 0) mean /= count;
        double squares = 0;
        for (std::int64_t t = 0; t < fit_steps; ++t)
            if (const double value = values[static_cast<std::size_t>(t)]; !std::isnan(value))
                squares += (value - mean) * (value - mean);
        const auto scale = static_cast<float>(count > 0 ? std::sqrt(squares / count) : 0);
        scaled.scales.push_back(std::isfinite(scale) && scale > 1e-6 * std::abs(mean) ? scale : 0);
        for (double& value : values)
            value = scaled.scales.back() > 0 ? (value - mean) / scaled.scales.back() : std::numeric_limits<double>::quiet_NaN();
        scaled.values.push_back(std::move(values));
    }
    return scaled;
}

// Whether runs broken at long gaps would lose more than half of the windows.
bool bridge_all(const ScaledSeries& scaled, std::int64_t steps, std::int64_t window) {
    std::int64_t possible = 0;
    std::int64_t whole = 0;
    for (const std::vector<double>& values : scaled.values) {
        std::vector<double> bridged(values.begin(), values.begin() + steps);
        bridge_gaps(bridged, kBridgedGap);
        std::int64_t first = steps;
        std::int64_t last = 0;
        for (std::int64_t t = 0; t < steps; ++t)
            if (!std::isnan(bridged[static_cast<std::size_t>(t)])) {
                first = std::min(first, t);
                last = t + 1;
            }
        possible += std::max<std::int64_t>(0, last - first - window + 1);
        for_each_run(bridged, [&](std::span<const double> run) {
            whole += std::max<std::int64_t>(0, static_cast<std::int64_t>(run.size()) - window + 1);
        });
    }
    return 2 * whole < possible;
}

LagGram gram_of(const ScaledSeries& scaled, std::int64_t begin, std::int64_t end, std::int64_t window,
                std::int64_t bridged, const std::atomic<bool>* stop) {
    LagGram gram(window);
    std::vector<double> part;
    for (const std::vector<double>& values : scaled.values) {
        throw_if_stopped(stop);
        part.assign(values.begin() + begin, values.begin() + end);
        bridge_gaps(part, bridged);
        for_each_run(part, [&](std::span<const double> run) { gram.add(run); });
    }
    return gram;
}

// The moments that a map of `shape` needs, of windows that end as those of `gram` do.
WindowMoments moments_for(const LagGram& gram, const MapShape& shape) {
    const std::int64_t begin = gram.window() - shape.horizon - shape.look_back;
    const std::int64_t anchor = gram.window() - shape.horizon - 1;
    std::vector<std::int64_t> positions;
    for (std::int64_t position = begin; position < gram.window(); ++position)
        if (position != anchor) positions.push_back(position);
    return moments_of(gram, positions, anchor);
}

struct Coefficients {
    std::vector<double> weights;  // [look_back - 1, horizon]
    std::vector<double> bias;     // [horizon]
};

// Inputs before outputs, as moments_for() has them.
std::optional<Coefficients> solve(const WindowMoments& moments, const MapShape& shape, RidgeSolver& solver) {
    const auto inputs = static_cast<std::size_t>(shape.look_back - 1);
    const auto outputs = static_cast<std::size_t>(shape.horizon);
    const std::size_t size = inputs + outputs;
    std::vector<double> left(inputs * inputs);
    Coefficients solution;
    solution.weights.resize(inputs * outputs);
    for (std::size_t i = 0; i < inputs; ++i) {
        std::copy_n(moments.covariances.data() + i * size, inputs, left.data() + i * inputs);
        std::copy_n(moments.covariances.data() + i * size + inputs, outputs, solution.weights.data() + i * outputs);
    }
    if (!solver.factorize(left, shape.lambda)) return std::nullopt;
    solver.solve(solution.weights, outputs);
    // Weights are stored as floats, so they are floats from the start: a loaded model forecasts the same bits.
    for (double& weight : solution.weights)
        weight = static_cast<float>(weight);
    for (std::size_t h = 0; h < outputs; ++h) {
        double bias = moments.means[inputs + h];
        for (std::size_t i = 0; i < inputs; ++i)
            bias -= solution.weights[i * outputs + h] * moments.means[i];
        solution.bias.push_back(static_cast<float>(bias));
    }
    return solution;
}

// Mean squared error over all windows behind `moments` and all steps:
// for each output, mean (y - b - w x)^2 = (my - b - w mx)^2 + (Cyy - 2 w Cxy + w Cxx w) / n.
double squared_error(const WindowMoments& moments, const MapShape& shape, const Coefficients& map) {
    const auto inputs = static_cast<std::size_t>(shape.look_back - 1);
    const auto outputs = static_cast<std::size_t>(shape.horizon);
    const std::size_t size = inputs + outputs;
    std::vector<double> product(inputs * outputs);
    add_product({product.data(), outputs}, {moments.covariances.data(), size}, {map.weights.data(), outputs}, inputs,
                outputs, inputs);
    double total = 0;
    for (std::size_t h = 0; h < outputs; ++h) {
        double mean = moments.means[inputs + h] - map.bias[h];
        double spread = moments.covariances[(inputs + h) * size + inputs + h];
        for (std::size_t i = 0; i < inputs; ++i) {
            const double weight = map.weights[i * outputs + h];
            mean -= weight * moments.means[i];
            spread += weight * (product[i * outputs + h] - 2 * moments.covariances[i * size + inputs + h]);
        }
        total += mean * mean + spread / moments.count;
    }
    return total / static_cast<double>(outputs);
}

class LinearMapModel final : public ClosedFormModel {
  public:
    MapShape shape;
    Coefficients map;  // empty weights and bias: repeats the last value
    std::vector<float> scales;    // [series]
    std::vector<float> profiles;  // [series, period]
    std::vector<float> effects;   // [series, 2 * covariates]
    std::int64_t covariates = 0;

    void forecast(const SeriesPanel& panel, const PanelState*, std::int64_t series,
                  std::span<const std::int64_t> origins, std::int64_t horizon, std::span<float> out) const override {
        const std::span<const float> values = panel.of(series);
        const std::int64_t last = origins.back();
        const ObservedSpan observed = observed_span(values.first(static_cast<std::size_t>(last)));
        if (observed.length() == 0) {
            std::ranges::fill(out, std::numeric_limits<float>::quiet_NaN());
            return;
        }
        const SeriesBaseline baseline = baseline_of(series);
        const double scale = scales[static_cast<std::size_t>(series)];
        const std::int64_t begin =
            std::max<std::int64_t>(0, std::min(origins.front(), observed.last) - 2 * shape.look_back - kBridgedGap);
        std::vector<double> deviations = baseline.deviations(panel, series, begin, last);
        fill_gaps(deviations, scale);

        // Rows: each origin's past, which grows by a block of forecasts at a time.
        const auto rows = origins.size();
        const auto inputs = static_cast<std::size_t>(shape.look_back);
        const auto block = static_cast<std::size_t>(shape.horizon);
        std::vector<double> past(rows * inputs);
        for (std::size_t o = 0; o < rows; ++o)
            for (std::size_t k = 0; k < inputs; ++k) {
                const std::int64_t at = origins[o] - begin - shape.look_back + static_cast<std::int64_t>(k);
                past[o * inputs + k] = deviations.empty() ? 0 : deviations[static_cast<std::size_t>(std::max<std::int64_t>(at, 0))];
            }
        std::vector<ValueRange> ranges(rows);
        for (std::size_t o = 0; o < rows; ++o) {
            if (o > 0) ranges[o] = ranges[o - 1];
            const std::int64_t from = o > 0 ? origins[o - 1] : 0;
            ranges[o].extend(values.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(origins[o] - from)));
        }
        std::vector<double> next(rows * block);
        for (std::int64_t done = 0; done < horizon; done += shape.horizon) {
            apply(past, rows, scale, next);
            const auto count = static_cast<std::size_t>(std::min(horizon - done, shape.horizon));
            for (std::size_t o = 0; o < rows; ++o)
                for (std::size_t h = 0; h < count; ++h) {
                    const std::int64_t step = origins[o] + done + static_cast<std::int64_t>(h);
                    const double value = ranges[o].clamp(next[o * block + h] + baseline.at(panel, series, step));
                    out[o * static_cast<std::size_t>(horizon) + static_cast<std::size_t>(done) + h] =
                        origins[o] > observed.first ? static_cast<float>(value)
                                                    : std::numeric_limits<float>::quiet_NaN();
                }
            if (done + shape.horizon < horizon) shift(past, rows, next);
        }
    }

    std::unique_ptr<ClosedFormModel> refit(const SeriesPanel& panel, std::int64_t steps,
                                           const std::atomic<bool>* stop) const override;

    std::int64_t fallbacks() const override {
        return map.bias.empty() ? static_cast<std::int64_t>(scales.size()) : std::ranges::count(scales, 0.0F);
    }

    void save(Json& manifest, WeightWriter& weights) const override {
        manifest["look_back"] = shape.look_back;
        manifest["horizon"] = shape.horizon;
        manifest["lambda"] = shape.lambda;
        manifest["period"] = shape.cycle.period;
        manifest["inner"] = shape.cycle.inner;
        manifest["covariates"] = covariates;
        weights.write(std::vector<float>(map.weights.begin(), map.weights.end()));
        weights.write(std::vector<float>(map.bias.begin(), map.bias.end()));
        weights.write(scales);
        weights.write(profiles);
        weights.write(effects);
    }

    std::uint64_t bytes() const override {
        return (map.weights.size() + map.bias.size()) * sizeof(double) +
               (scales.size() + profiles.size() + effects.size()) * sizeof(float);
    }

    void set_baselines(const ScaledSeries& scaled) {
        scales = scaled.scales;
        for (const SeriesBaseline& baseline : scaled.baselines) {
            profiles.insert(profiles.end(), baseline.profile().begin(), baseline.profile().end());
            std::vector<float> own(baseline.effects().begin(), baseline.effects().end());
            own.resize(static_cast<std::size_t>(2 * covariates));
            effects.insert(effects.end(), own.begin(), own.end());
        }
    }

  private:
    SeriesBaseline baseline_of(std::int64_t series) const {
        const auto period = static_cast<std::size_t>(shape.cycle.period);
        const auto width = static_cast<std::size_t>(2 * covariates);
        const auto one = static_cast<std::size_t>(series);
        return {std::span(profiles).subspan(one * period, period), std::span(effects).subspan(one * width, width)};
    }

    // next [rows, horizon] from past [rows, look_back].
    void apply(std::span<const double> past, std::size_t rows, double scale, std::span<double> next) const {
        const auto inputs = static_cast<std::size_t>(shape.look_back);
        const auto outputs = static_cast<std::size_t>(shape.horizon);
        std::vector<double> differences(rows * (inputs - 1));
        for (std::size_t o = 0; o < rows; ++o) {
            const double last = past[(o + 1) * inputs - 1];
            for (std::size_t k = 0; k + 1 < inputs; ++k)
                differences[o * (inputs - 1) + k] = past[o * inputs + k] - last;
            for (std::size_t h = 0; h < outputs; ++h)
                next[o * outputs + h] = last + (map.bias.empty() ? 0 : map.bias[h] * scale);
        }
        if (!map.weights.empty())
            add_product({next.data(), outputs}, {differences.data(), inputs - 1}, {map.weights.data(), outputs}, rows,
                        outputs, inputs - 1);
    }

    void shift(std::vector<double>& past, std::size_t rows, std::span<const double> next) const {
        const auto inputs = static_cast<std::size_t>(shape.look_back);
        const auto outputs = static_cast<std::size_t>(shape.horizon);
        for (std::size_t o = 0; o < rows; ++o) {
            std::vector<double> joined(past.begin() + static_cast<std::ptrdiff_t>(o * inputs),
                                       past.begin() + static_cast<std::ptrdiff_t>((o + 1) * inputs));
            joined.insert(joined.end(), next.begin() + static_cast<std::ptrdiff_t>(o * outputs),
                          next.begin() + static_cast<std::ptrdiff_t>((o + 1) * outputs));
            std::copy(joined.end() - static_cast<std::ptrdiff_t>(inputs), joined.end(),
                      past.begin() + static_cast<std::ptrdiff_t>(o * inputs));
        }
    }

    // Replaces gaps, in order of time, by the map's first step from the values before.
    void fill_gaps(std::vector<double>& values, double scale) const {
        const auto first = std::ranges::find_if(values, [](double value) { return !std::isnan(value); });
        if (first == values.end()) {
            std::ranges::fill(values, 0);
            return;
        }
        std::fill(values.begin(), first, *first);
        const auto outputs = static_cast<std::size_t>(shape.horizon);
        for (auto t = static_cast<std::size_t>(first - values.begin()) + 1; t < values.size(); ++t) {
            if (!std::isnan(values[t])) continue;
            const double last = values[t - 1];
            values[t] = last;
            if (t < static_cast<std::size_t>(shape.look_back) || map.bias.empty()) continue;
            values[t] += map.bias[0] * scale;
            for (std::int64_t k = 0; k + 1 < shape.look_back; ++k)
                values[t] += map.weights[static_cast<std::size_t>(k) * outputs] *
                             (values[t - static_cast<std::size_t>(shape.look_back - k)] - last);
        }
    }
};

std::unique_ptr<LinearMapModel> map_for(const SeriesPanel& panel, std::int64_t steps, const MapShape& shape,
                                        const std::atomic<bool>* stop) {
    auto model = std::make_unique<LinearMapModel>();
    model->shape = shape;
    model->covariates = static_cast<std::int64_t>(panel.covariates.size());
    const ScaledSeries scaled = scaled_series(panel, steps, steps, shape.cycle, stop);
    model->set_baselines(scaled);
    const std::int64_t window = shape.look_back + shape.horizon;
    if (shape.look_back < 2 || window > steps) return model;
    const bool all = bridge_all(scaled, steps, window);
    const LagGram gram = gram_of(scaled, 0, steps, window, all ? steps : kBridgedGap, stop);
    if (gram.count() < 2) return model;
    RidgeSolver solver(static_cast<std::size_t>(shape.look_back - 1));
    if (std::optional<Coefficients> map = solve(moments_for(gram, shape), shape, solver)) model->map = std::move(*map);
    return model;
}

std::unique_ptr<ClosedFormModel> LinearMapModel::refit(const SeriesPanel& panel, std::int64_t steps,
                                                       const std::atomic<bool>* stop) const {
    return map_for(panel, steps, shape, stop);
}

// Look-backs worth trying: some seasons, as far as windows fill half of what there is to learn from.
std::vector<std::int64_t> look_backs(const Options& options, std::int64_t season, std::int64_t steps,
                                     std::int64_t horizon) {
    std::vector<std::int64_t> wanted = options.integers("look_back");
    const std::int64_t most = wanted.empty() ? std::min(kMostLookBack, steps / 2 - horizon) : steps - horizon - 1;
    if (wanted.empty()) {
        for (const std::int64_t count : {1, 2, 4, 7, 14, 30})
            wanted.push_back(count * (season > 1 ? season : 4));
    }
    std::erase_if(wanted, [&](std::int64_t look_back) { return look_back > most; });
    std::ranges::sort(wanted);
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    return wanted;
}

class LinearMap final : public ClosedForm {
  public:
    std::string_view name() const override { return "linear"; }
    std::string_view help() const override {
        return "One linear map for all series from their last values to the next, solved exactly";
    }
    std::span<const OptionDeclaration> options() const override {
        static const std::array<OptionDeclaration, 4> declarations = {{
            {"look_back", OptionType::kIntegerArray, "[]", 2, 4096, {},
             "Steps that the map looks back, the best on the validation span; empty: several numbers of seasons"},
            {"lambda", OptionType::kReal, "0", 0, 1e6, {},
             "Strength of the ridge in units of the mean variance of the inputs; 0: the best on the validation span"},
            {"anchor", OptionType::kChoice, "\"auto\"", {}, {}, {"auto", "none", "season"},
             "Whether the usual value at each phase of the season is taken out first; auto: as the validation span says"},
            {"long_season", OptionType::kInteger, "0", 0, 100000, {},
             "Steps of a longer cycle, a multiple of the season; 0: seven seasons for steps shorter than a day; 1: none"},
        }};
        return declarations;
    }

    std::unique_ptr<ClosedFormModel> fit(const SeriesPanel& panel, const ValidationPlan& plan,
                                         const SeriesSettings& settings, const Options& options) const override {
        MapShape best;
        best.horizon = std::min(plan.horizon, kMostHorizon);
        const std::vector<std::int64_t> tried =
            look_backs(options, settings.season, plan.fit_steps, best.horizon);
        if (tried.empty()) return map_for(panel, plan.fit_steps, best, settings.stop);

        const std::int64_t window = tried.back() + best.horizon;
        const double given = options.real("lambda");
        const std::span<const double> ridges = given > 0 ? std::span(&given, 1) : std::span<const double>(kRidges);
        double least = std::numeric_limits<double>::infinity();
        MapShape shape = best;
        for (const Cycle& cycle : cycles(panel, plan, settings, options)) {
            shape.cycle = cycle;
            const ScaledSeries scaled = scaled_series(panel, plan.fit_steps, plan.steps, cycle, settings.stop);
            const bool all = bridge_all(scaled, plan.fit_steps, tried.front() + best.horizon);
            const std::int64_t bridged = all ? plan.steps : kBridgedGap;
            const LagGram learned = gram_of(scaled, 0, plan.fit_steps, window, bridged, settings.stop);
            const LagGram judged =
                gram_of(scaled, plan.fit_steps - tried.back(), plan.steps, window, bridged, settings.stop);
            if (judged.count() == 0) continue;
            for (const std::int64_t look_back : tried) {
                shape.look_back = look_back;
                if (learned.count() < look_back) continue;
                const WindowMoments fit_moments = moments_for(learned, shape);
                const WindowMoments judged_moments = moments_for(judged, shape);
                RidgeSolver solver(static_cast<std::size_t>(look_back - 1));
                for (const double lambda : ridges) {
                    throw_if_stopped(settings.stop);
                    shape.lambda = lambda;
                    const std::optional<Coefficients> map = solve(fit_moments, shape, solver);
                    if (!map) continue;
                    const double error = squared_error(judged_moments, shape, *map);
                    if (error < least) {
                        least = error;
                        best = shape;
                    }
                }
            }
        }
        if (!std::isfinite(least)) best.look_back = 1;
        return map_for(panel, plan.fit_steps, best, settings.stop);
    }

    std::unique_ptr<ClosedFormModel> load(const Json& manifest, WeightReader& weights) const override {
        auto model = std::make_unique<LinearMapModel>();
        manifest.at("look_back").get_to(model->shape.look_back);
        manifest.at("horizon").get_to(model->shape.horizon);
        manifest.at("lambda").get_to(model->shape.lambda);
        manifest.at("period").get_to(model->shape.cycle.period);
        manifest.at("inner").get_to(model->shape.cycle.inner);
        manifest.at("covariates").get_to(model->covariates);
        const std::vector<float> map = weights.read<float>();
        const std::vector<float> bias = weights.read<float>();
        model->map = {{map.begin(), map.end()}, {bias.begin(), bias.end()}};
        model->scales = weights.read<float>();
        model->profiles = weights.read<float>();
        model->effects = weights.read<float>();
        return model;
    }

  private:
    static std::vector<Cycle> cycles(const SeriesPanel& panel, const ValidationPlan& plan,
                                     const SeriesSettings& settings, const Options& options) {
        const std::string& anchor = options.choice("anchor");
        const std::int64_t season = settings.season;
        std::vector<Cycle> cycles;
        if (anchor != "season" || season <= 1) cycles.push_back({});
        if (anchor == "none" || season <= 1) return cycles;
        if (2 * season <= plan.fit_steps) cycles.push_back({season, 0});
        if (const std::int64_t longer = long_season(options, settings, panel.step);
            longer > season && 2 * longer <= plan.fit_steps)
            cycles.push_back({longer, season});
        if (cycles.empty()) cycles.push_back({});
        return cycles;
    }
};

}  // namespace

const ClosedForm& linear_map() {
    static const LinearMap method;
    return method;
}

}  // namespace tensile
