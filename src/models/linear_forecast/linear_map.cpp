// See linear_map.h.
#include "models/linear_forecast/linear_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "models/forecast/dense_product.h"
#include "models/forecast/series_baseline.h"
#include "models/forecast/value_range.h"
#include "models/linear_forecast/lag_shapes.h"
#include "models/linear_forecast/map_solution.h"
#include "models/stop.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMostLookBack = 1024;
constexpr std::int64_t kMostHorizon = 1024;  // of one application of the map
constexpr std::array<double, 6> kRidges = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};

class LinearMapModel final : public ClosedFormModel {
  public:
    MapShape shape;
    std::int64_t look_back = 1;
    MapCoefficients map;          // empty weights and bias: repeats the last value
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
        const std::int64_t begin = std::max<std::int64_t>(0, std::min(origins.front(), observed.last) - 2 * look_back);
        std::vector<double> deviations = baseline.deviations(panel, series, begin, last);
        fill_gaps(deviations, scale);

        // Rows: each origin's past, which grows by a block of forecasts at a time.
        const auto rows = origins.size();
        const auto inputs = static_cast<std::size_t>(look_back);
        const auto block = static_cast<std::size_t>(shape.horizon);
        std::vector<double> past(rows * inputs);
        for (std::size_t o = 0; o < rows; ++o)
            for (std::size_t k = 0; k < inputs; ++k) {
                const std::int64_t at = origins[o] - begin - look_back + static_cast<std::int64_t>(k);
                past[o * inputs + k] =
                    deviations.empty() ? 0 : deviations[static_cast<std::size_t>(std::max<std::int64_t>(at, 0))];
            }
        std::vector<ValueRange> ranges(rows);
        for (std::size_t o = 0; o < rows; ++o) {
            if (o > 0) ranges[o] = ranges[o - 1];
            const std::int64_t from = o > 0 ? origins[o - 1] : 0;
            ranges[o].extend(
                values.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(origins[o] - from)));
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

    std::int64_t reach() const override { return std::max(look_back, shape.cycle.period); }
    std::int64_t fallbacks() const override {
        return map.bias.empty() ? static_cast<std::int64_t>(scales.size()) : std::ranges::count(scales, 0.0F);
    }

    void save(Json& manifest, WeightWriter& weights) const override {
        manifest["look_back"] = look_back;
        manifest["horizon"] = shape.horizon;
        Json& parts = manifest["parts"] = Json::array();
        for (const MapPart& part : shape.parts)
            parts.push_back({{"look_back", part.look_back}, {"intercept", part.intercept}, {"lambda", part.lambda}});
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
        const auto inputs = static_cast<std::size_t>(look_back);
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
        const auto inputs = static_cast<std::size_t>(look_back);
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
            if (t < static_cast<std::size_t>(look_back) || map.bias.empty()) continue;
            values[t] += map.bias[0] * scale;
            for (std::int64_t k = 0; k + 1 < look_back; ++k)
                values[t] += map.weights[static_cast<std::size_t>(k) * outputs] *
                             (values[t - static_cast<std::size_t>(look_back - k)] - last);
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
    model->look_back = shape.look_back();
    const std::int64_t window = model->look_back + shape.horizon;
    if (shape.parts.empty() || window > steps) return model;
    const LagGram gram = gram_of(scaled, 0, steps, window, bridged_gap(scaled, steps, window), stop);
    if (gram.count() < 2) return model;
    std::vector<MapCoefficients> solved;
    for (const MapPart& part : shape.parts) {
        throw_if_stopped(stop);
        WindowMoments moments = moments_for(gram, part.look_back, shape.horizon);
        if (!part.intercept) moments.about_zero();
        RidgeSolver solver(static_cast<std::size_t>(part.look_back - 1));
        if (std::optional<MapCoefficients> map = solve(moments, part, solver)) solved.push_back(std::move(*map));
    }
    std::vector<const MapCoefficients*> maps;
    for (const MapCoefficients& map : solved)
        maps.push_back(&map);
    if (!maps.empty()) model->map = mean_of(maps, model->look_back);
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
            {"look_back",
             OptionType::kIntegerArray,
             "[]",
             2,
             4096,
             {},
             "Steps that the map looks back, the best on the validation span; empty: several numbers of seasons"},
            {"lambda",
             OptionType::kReal,
             "0",
             0,
             1e6,
             {},
             "Strength of the ridge in units of the mean variance of the inputs; 0: the best on the validation span"},
            {"anchor",
             OptionType::kChoice,
             "\"auto\"",
             {},
             {},
             {"auto", "none", "season"},
             "Whether the usual value at each phase of the season is taken out first; auto: as the validation span "
             "says"},
            {"long_season",
             OptionType::kInteger,
             "0",
             0,
             100000,
             {},
             "Steps of a longer cycle, a multiple of the season; 0: seven seasons for steps shorter than a day; 1: "
             "none"},
        }};
        return declarations;
    }

    std::unique_ptr<ClosedFormModel> fit(const SeriesPanel& panel, const ValidationPlan& plan,
                                         const SeriesSettings& settings, const Options& options) const override {
        MapShape best;
        best.horizon = std::min(plan.horizon, kMostHorizon);
        const std::vector<std::int64_t> tried = look_backs(options, settings.season, plan.fit_steps, best.horizon);
        if (tried.empty()) return map_for(panel, plan.fit_steps, best, settings.stop);

        const double given = options.real("lambda");
        const std::span<const double> ridges = given > 0 ? std::span(&given, 1) : std::span<const double>(kRidges);
        MapError least;
        for (const Cycle& cycle : cycles(panel, plan, settings, options)) {
            const ScaledSeries scaled = scaled_series(panel, plan.fit_steps, plan.steps, cycle, settings.stop);
            const std::int64_t window = tried.back() + best.horizon;
            const std::int64_t bridged = bridged_gap(scaled, plan.fit_steps, tried.front() + best.horizon);
            const LagGram learned = gram_of(scaled, 0, plan.fit_steps, window, bridged, settings.stop);
            const JudgedWindows judged(scaled, plan.fit_steps, plan.steps, tried.back(), best.horizon, bridged,
                                       settings.stop);
            if (judged.empty()) continue;
            PartSelection selection = select_parts(learned, judged, tried, ridges, best.horizon, settings.stop);
            if (!selection.error.better_throughout(least)) continue;
            least = std::move(selection.error);
            best.cycle = cycle;
            best.parts = std::move(selection.parts);
        }
        return map_for(panel, plan.fit_steps, best, settings.stop);
    }

    std::unique_ptr<ClosedFormModel> load(const Json& manifest, WeightReader& weights) const override {
        auto model = std::make_unique<LinearMapModel>();
        manifest.at("look_back").get_to(model->look_back);
        manifest.at("horizon").get_to(model->shape.horizon);
        for (const Json& part : manifest.at("parts"))
            model->shape.parts.push_back({part.at("look_back").get<std::int64_t>(), part.at("intercept").get<bool>(),
                                          part.at("lambda").get<double>()});
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
