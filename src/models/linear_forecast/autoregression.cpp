// See autoregression.h.
#include "models/linear_forecast/autoregression.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include <nlohmann/json.hpp>

#include "models/forecast/gap_bridges.h"
#include "models/forecast/lag_gram.h"
#include "models/forecast/pooled_choice.h"
#include "models/forecast/ridge_solver.h"
#include "models/forecast/series_baseline.h"
#include "models/forecast/value_range.h"
#include "models/forecast/vector_clones.h"
#include "models/linear_forecast/lag_shapes.h"
#include "models/stop.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

// Gaps up to this many steps are bridged by a straight line when an equation is learned; longer ones end a run.
constexpr std::int64_t kBridgedGap = 6;
// Windows that an equation needs: this many for each lag and some more.
constexpr std::int64_t kWindowsPerLag = 2;
constexpr std::int64_t kFurtherWindows = 4;

// One series' equation. Without lags its forecast is NaN: there was no value at all.
struct Equation {
    double intercept = 0;
    std::vector<double> coefficients;  // by lag of the shape
};

LagGram gram_of(std::span<const double> values, std::int64_t window) {
    LagGram gram(window);
    for_each_run(values, [&](std::span<const double> run) { gram.add(run); });
    return gram;
}

// Solves for the equation of `shape` for values of which `gram` was taken less `centre`. Empty when there are too few
// windows or the values do not vary.
std::optional<Equation> solve(const LagGram& gram, const LagShape& shape, double centre, RidgeSolver& solver,
                              const WindowMoments& moments) {
    const std::size_t unknowns = static_cast<std::size_t>(moments.size) - 1;
    const auto wanted = static_cast<std::int64_t>(unknowns) * kWindowsPerLag + kFurtherWindows;
    if (gram.count() < wanted || unknowns == 0) return std::nullopt;
    const std::size_t size = static_cast<std::size_t>(moments.size);
    std::vector<double> left(unknowns * unknowns);
    std::vector<double> right(unknowns);
    double variance = 0;
    for (std::size_t a = 0; a < unknowns; ++a) {
        std::copy_n(moments.covariances.data() + a * size, unknowns, left.data() + a * unknowns);
        right[a] = moments.covariances[a * size + unknowns];
        variance += moments.covariances[a * size + a];
    }
    if (!(variance > 0) || !solver.factorize(left, shape.lambda)) return std::nullopt;
    solver.solve(right, 1);
    Equation equation;
    equation.intercept = moments.means[unknowns];
    double total = 0;
    for (std::size_t a = 0; a < unknowns; ++a) {
        equation.intercept -= right[a] * moments.means[a];
        total += right[a];
    }
    if (shape.differenced) {
        // d_t - d_{t-1} = c + sum a_k (d_{t-k} - d_{t-1}): the last value has what is missing to one.
        equation.coefficients.push_back(1 - total);
        total = 1;
    }
    equation.coefficients.insert(equation.coefficients.end(), right.begin(), right.end());
    equation.intercept += centre * (1 - total);
    for (const double coefficient : equation.coefficients)
        if (!std::isfinite(coefficient)) return std::nullopt;
    return std::isfinite(equation.intercept) ? std::optional(equation) : std::nullopt;
}

double next_value(const Equation& equation, std::span<const std::int64_t> lags, const double* at) {
    double value = equation.intercept;
    for (std::size_t k = 0; k < lags.size(); ++k)
        value += equation.coefficients[k] * at[-lags[k]];
    return value;
}

// Replaces gaps, in order of time, by what the equation expects from the values before; before there are enough of them
// by the last value, and before the first by the first.
void fill_gaps(const Equation& equation, std::span<const std::int64_t> lags, std::vector<double>& values) {
    const auto first = std::ranges::find_if(values, [](double value) { return !std::isnan(value); });
    if (first == values.end()) {
        std::ranges::fill(values, 0);
        return;
    }
    std::fill(values.begin(), first, *first);
    const std::int64_t reach = lags.back();
    for (auto t = first - values.begin() + 1; t < static_cast<std::ptrdiff_t>(values.size()); ++t) {
        double& value = values[static_cast<std::size_t>(t)];
        if (std::isnan(value)) value = t >= reach ? next_value(equation, lags, &value) : (&value)[-1];
    }
}

// The longest past that a forecast of an equation looks at: enough for gaps to be filled from values before them.
std::int64_t reach_of(std::span<const std::int64_t> lags) {
    return 3 * lags.back() + kBridgedGap;
}

// Row `row` of `buffer` [.., origins] from the rows before it: the next value of every origin.
TENSILE_VECTOR_CLONES
void advance(double* buffer, std::int64_t row, std::int64_t origins, double intercept, const double* coefficients,
             const std::int64_t* lags, std::size_t count) {
    double* next = buffer + row * origins;
    for (std::int64_t o = 0; o < origins; ++o)
        next[o] = intercept;
    for (std::size_t k = 0; k < count; ++k) {
        const double* past = buffer + (row - lags[k]) * origins;
        const double coefficient = coefficients[k];
        for (std::int64_t o = 0; o < origins; ++o)
            next[o] += coefficient * past[o];
    }
}

// Forecasts less their baseline from each origin, all origins side by side; `values` are of the steps from `begin` on,
// without gaps. Calls take(origin, step ahead, forecast) in ascending order.
template <typename Take>
void feed_back(const Equation& equation, std::span<const std::int64_t> lags, std::span<const double> values,
               std::int64_t begin, std::span<const std::int64_t> origins, std::int64_t horizon, const Take& take) {
    const std::int64_t reach = lags.back();
    const auto width = static_cast<std::int64_t>(origins.size());
    std::vector<double> buffer(static_cast<std::size_t>((reach + horizon) * width));
    for (std::int64_t o = 0; o < width; ++o) {
        const std::int64_t known = origins[static_cast<std::size_t>(o)] - begin;
        for (std::int64_t k = 0; known > 0 && k < reach; ++k)
            buffer[static_cast<std::size_t>(k * width + o)] =
                values[static_cast<std::size_t>(std::max<std::int64_t>(known - reach + k, 0))];
    }
    for (std::int64_t h = 0; h < horizon; ++h)
        advance(buffer.data(), reach + h, width, equation.intercept, equation.coefficients.data(), lags.data(),
                lags.size());
    for (std::int64_t o = 0; o < width; ++o)
        for (std::int64_t h = 0; h < horizon; ++h)
            take(static_cast<std::size_t>(o), h, buffer[static_cast<std::size_t>((reach + h) * width + o)]);
}

class AutoregressionModel final : public ClosedFormModel {
  public:
    std::vector<LagShape> shapes;
    std::vector<std::int32_t> shape_of;  // [series], -1: no value at all
    std::vector<double> intercepts;      // [series]
    std::vector<std::int64_t> coefficients_at;
    std::vector<double> coefficients;
    std::vector<std::int64_t> profiles_at;
    std::vector<float> profiles;
    std::vector<float> effects;  // [series, 2 * covariates]
    std::int64_t covariates = 0;
    std::int64_t fallbacks_ = 0;
    double optimism_ = 1;

    void forecast(const SeriesPanel& panel, const PanelState*, std::int64_t series,
                  std::span<const std::int64_t> origins, std::int64_t horizon, std::span<float> out) const override {
        const auto one = static_cast<std::size_t>(series);
        const std::span<const float> values = panel.of(series);
        const std::int64_t last = origins.empty() ? 0 : origins.back();
        const ObservedSpan observed = observed_span(values.first(static_cast<std::size_t>(last)));
        if (shape_of[one] < 0 || observed.length() == 0) {
            std::ranges::fill(out, std::numeric_limits<float>::quiet_NaN());
            return;
        }
        const LagShape& shape = shapes[static_cast<std::size_t>(shape_of[one])];
        Equation equation;
        equation.intercept = intercepts[one];
        const auto first = coefficients.begin() + coefficients_at[one];
        equation.coefficients.assign(first, first + static_cast<std::ptrdiff_t>(shape.lags.size()));
        const auto width = static_cast<std::size_t>(2 * covariates);
        const SeriesBaseline baseline{std::span(profiles).subspan(static_cast<std::size_t>(profiles_at[one]),
                                                                  static_cast<std::size_t>(shape.cycle.period)),
                                      std::span(effects).subspan(one * width, width)};

        const std::int64_t begin =
            std::max<std::int64_t>(0, std::min(origins.front(), observed.last) - reach_of(shape.lags));
        std::vector<double> deviations = baseline.deviations(panel, series, begin, last);
        fill_gaps(equation, shape.lags, deviations);
        ValueRange range;
        std::int64_t seen = 0;
        feed_back(equation, shape.lags, deviations, begin, origins, horizon,
                  [&](std::size_t origin, std::int64_t h, double deviation) {
                      range.extend(values.subspan(static_cast<std::size_t>(seen),
                                                  static_cast<std::size_t>(origins[origin] - seen)));
                      seen = origins[origin];
                      const bool known = origins[origin] > observed.first;
                      const double value = deviation + baseline.at(panel, series, origins[origin] + h);
                      out[origin * static_cast<std::size_t>(horizon) + static_cast<std::size_t>(h)] =
                          known ? static_cast<float>(range.clamp(value)) : std::numeric_limits<float>::quiet_NaN();
                  });
    }

    std::unique_ptr<ClosedFormModel> refit(const SeriesPanel& panel, std::int64_t steps,
                                           const std::atomic<bool>* stop) const override;

    std::int64_t fallbacks() const override { return fallbacks_; }
    double optimism() const override { return optimism_; }
    std::int64_t reach() const override {
        std::int64_t longest = 1;
        for (const std::int32_t shape : shape_of)
            if (shape >= 0) longest = std::max(longest, shapes[static_cast<std::size_t>(shape)].reach());
        return longest;
    }

    void save(Json& manifest, WeightWriter& weights) const override {
        Json& list = manifest["shapes"] = Json::array();
        for (const LagShape& shape : shapes)
            list.push_back(shape.to_json());
        manifest["covariates"] = covariates;
        manifest["fallbacks"] = fallbacks_;
        weights.write(shape_of);
        weights.write(intercepts);
        weights.write(coefficients);
        weights.write(profiles);
        weights.write(effects);
    }

    std::uint64_t bytes() const override {
        return shape_of.size() * (sizeof(std::int32_t) + sizeof(double) + 2 * sizeof(std::int64_t)) +
               coefficients.size() * sizeof(double) + (profiles.size() + effects.size()) * sizeof(float);
    }

    // Where each series' coefficients and profile begin, from the shapes.
    void index() {
        coefficients_at.clear();
        profiles_at.clear();
        std::int64_t coefficient = 0;
        std::int64_t profile = 0;
        for (const std::int32_t shape : shape_of) {
            coefficients_at.push_back(coefficient);
            profiles_at.push_back(profile);
            if (shape < 0) continue;
            coefficient += static_cast<std::int64_t>(shapes[static_cast<std::size_t>(shape)].lags.size());
            profile += shapes[static_cast<std::size_t>(shape)].cycle.period;
        }
    }

    void add(std::int32_t shape, const Equation& equation, const SeriesBaseline& baseline) {
        shape_of.push_back(shape);
        intercepts.push_back(equation.intercept);
        coefficients.insert(coefficients.end(), equation.coefficients.begin(), equation.coefficients.end());
        profiles.insert(profiles.end(), baseline.profile().begin(), baseline.profile().end());
        std::vector<float> own(baseline.effects().begin(), baseline.effects().end());
        own.resize(static_cast<std::size_t>(2 * covariates));
        effects.insert(effects.end(), own.begin(), own.end());
    }
};

// Judges all shapes on one series; solvers and Gram matrices are used again from series to series.
class SeriesSolver {
  public:
    explicit SeriesSolver(std::span<const LagShape> shapes) : shapes_(shapes) {}

    // Calls take(shape, equation, baseline) for every shape in `chosen` (ascending) that the first `steps` of the
    // series allow.
    template <typename Take>
    void solve_all(const SeriesPanel& panel, std::int64_t series, std::int64_t steps,
                   std::span<const std::int32_t> chosen, const Take& take) {
        const ObservedSpan observed = observed_span(panel.of(series).first(static_cast<std::size_t>(steps)));
        std::optional<LagGram> gram;
        std::optional<SeriesBaseline> baseline;
        std::vector<double> deviations;
        double centre = 0;
        std::vector<std::int64_t> positions;
        WindowMoments moments;
        const LagShape* previous = nullptr;
        for (const std::int32_t index : chosen) {
            const LagShape& shape = shapes_[static_cast<std::size_t>(index)];
            if (observed.length() <= shape.least_steps()) continue;
            if (!previous || !(previous->cycle == shape.cycle)) {
                baseline = SeriesBaseline::fit(panel, series, steps, shape.cycle);
                deviations = baseline->deviations(panel, series, observed.first, observed.last);
                bridge_gaps(deviations, kBridgedGap);
                double count = 0;
                centre = 0;
                for (const double value : deviations)
                    if (!std::isnan(value)) {
                        centre += value;
                        count += 1;
                    }
                centre /= count;
                for (double& value : deviations)
                    value -= centre;
                gram.reset();
            }
            const std::int64_t window = window_of(shape, chosen);
            if (!gram || gram->window() != window) gram = gram_of(deviations, window);
            if (!previous || !previous->same_equation(shape) || !(previous->cycle == shape.cycle)) {
                positions.clear();
                for (const std::int64_t lag : shape.lags)
                    if (!shape.differenced || lag != 1) positions.push_back(window - 1 - lag);
                positions.push_back(window - 1);
                moments = moments_of(*gram, positions, shape.differenced ? window - 2 : -1);
            }
            previous = &shape;
            const std::size_t unknowns = positions.size() - 1;
            if (solver_.size() != unknowns) solver_ = RidgeSolver(unknowns);
            if (const std::optional<Equation> equation = solve(*gram, shape, centre, solver_, moments))
                take(index, *equation, *baseline);
        }
    }

  private:
    // Shapes of one cycle share a Gram matrix: those with lags within two inner cycles one, those that look further
    // back another.
    std::int64_t window_of(const LagShape& shape, std::span<const std::int32_t> chosen) const {
        std::int64_t longest = 0;
        for (const std::int32_t index : chosen) {
            const LagShape& other = shapes_[static_cast<std::size_t>(index)];
            if (other.cycle == shape.cycle && other.far == shape.far) longest = std::max(longest, other.lags.back());
        }
        return longest + 1;
    }

    std::span<const LagShape> shapes_;
    RidgeSolver solver_{0};
};

// The fallback of a series that no equation can be learned from: what it was a season ago, or its last value.
std::pair<std::int32_t, Equation> fallback(std::span<const LagShape> shapes, std::int64_t observed) {
    for (std::size_t i = shapes.size(); i-- > 0;)
        if (shapes[i].persistence && shapes[i].lags.back() <= observed)
            return {static_cast<std::int32_t>(i), {0, {1.0}}};
    throw InternalError("no shape repeats the last value");
}

std::unique_ptr<AutoregressionModel> equations_for(const SeriesPanel& panel, std::int64_t steps,
                                                   std::vector<LagShape> shapes, std::span<const std::int32_t> chosen,
                                                   const std::atomic<bool>* stop) {
    auto model = std::make_unique<AutoregressionModel>();
    model->shapes = std::move(shapes);
    model->covariates = static_cast<std::int64_t>(panel.covariates.size());
    SeriesSolver solver(model->shapes);
    for (std::int64_t series = 0; series < panel.series; ++series) {
        throw_if_stopped(stop);
        const std::int32_t shape = chosen[static_cast<std::size_t>(series)];
        const std::int64_t observed = observed_span(panel.of(series).first(static_cast<std::size_t>(steps))).length();
        if (observed == 0) {
            model->add(-1, {}, {});
            model->fallbacks_ += 1;
            continue;
        }
        bool solved = false;
        if (shape >= 0 && !model->shapes[static_cast<std::size_t>(shape)].persistence)
            solver.solve_all(panel, series, steps, std::span(&shape, 1),
                             [&](std::int32_t index, const Equation& equation, const SeriesBaseline& baseline) {
                                 model->add(index, equation, baseline);
                                 solved = true;
                             });
        if (solved) continue;
        const bool repeats = shape >= 0 && model->shapes[static_cast<std::size_t>(shape)].persistence;
        const auto [simple, equation] = fallback(model->shapes, observed);
        model->add(repeats ? shape : simple, equation, {});
        model->fallbacks_ += repeats ? 0 : 1;
    }
    model->index();
    return model;
}

std::unique_ptr<ClosedFormModel> AutoregressionModel::refit(const SeriesPanel& panel, std::int64_t steps,
                                                            const std::atomic<bool>* stop) const {
    return equations_for(panel, steps, shapes, shape_of, stop);
}

// Mean absolute errors of a shape's forecasts from the first and from the second half of the origins; infinite where
// nothing was observed.
std::array<float, 2> validation_errors(const SeriesPanel& panel, std::int64_t series, const ValidationPlan& plan,
                                       const LagShape& shape, const Equation& equation,
                                       const SeriesBaseline& baseline) {
    const std::span<const float> values = panel.of(series);
    const ObservedSpan observed = observed_span(values.first(static_cast<std::size_t>(plan.fit_steps)));
    const ValueRange range(values.first(static_cast<std::size_t>(plan.fit_steps)));
    const std::int64_t begin =
        std::max<std::int64_t>(0, std::min(plan.origins.front(), observed.last) - reach_of(shape.lags));
    std::vector<double> deviations = baseline.deviations(panel, series, begin, plan.origins.back());
    fill_gaps(equation, shape.lags, deviations);
    HalvedError error(plan.origins.size());
    feed_back(equation, shape.lags, deviations, begin, plan.origins, plan.horizon,
              [&](std::size_t origin, std::int64_t h, double deviation) {
                  const std::int64_t step = plan.origins[origin] + h;
                  const float truth = values[static_cast<std::size_t>(step)];
                  if (std::isnan(truth)) return;
                  error.add(origin, std::abs(range.clamp(deviation + baseline.at(panel, series, step)) - truth));
              });
    return error.halves();
}

class Autoregression final : public ClosedForm {
  public:
    std::string_view name() const override { return "ar"; }
    std::string_view help() const override {
        return "A ridge regression of every series on its own past, shape chosen on the validation span";
    }
    std::span<const OptionDeclaration> options() const override {
        static const std::array<OptionDeclaration, 3> declarations = {{
            {"lags",
             OptionType::kIntegerArray,
             "[]",
             1,
             4096,
             {},
             "Steps back that a value is regressed on; empty: several sets from the season, tried on the validation "
             "span"},
            {"long_season",
             OptionType::kInteger,
             "0",
             0,
             100000,
             {},
             "Steps of a longer cycle, a multiple of the season; 0: seven seasons for steps shorter than a day; 1: "
             "none"},
            {"pooling",
             OptionType::kReal,
             "-1",
             -1,
             1000,
             {},
             "Weight of the mean over all series, beside a series' own errors, when it chooses the shape of its "
             "equation; -1: what the "
             "validation span says"},
        }};
        return declarations;
    }

    std::unique_ptr<ClosedFormModel> fit(const SeriesPanel& panel, const ValidationPlan& plan,
                                         const SeriesSettings& settings, const Options& options) const override {
        std::vector<LagShape> shapes = lag_shapes(settings.season, long_season(options, settings, panel.step),
                                                  plan.fit_steps, options.integers("lags"));
        std::vector<std::int32_t> all(shapes.size());
        std::iota(all.begin(), all.end(), 0);
        ChoiceErrors errors(panel.series, static_cast<std::int64_t>(shapes.size()));
        SeriesSolver solver(shapes);
        for (std::int64_t series = 0; series < panel.series; ++series) {
            throw_if_stopped(settings.stop);
            const std::int64_t observed =
                observed_span(panel.of(series).first(static_cast<std::size_t>(plan.fit_steps))).length();
            if (observed == 0) continue;
            const auto judge = [&](std::int32_t shape, const Equation& equation, const SeriesBaseline& baseline) {
                errors.set(series, shape,
                           validation_errors(panel, series, plan, shapes[static_cast<std::size_t>(shape)], equation,
                                             baseline));
            };
            for (const std::int32_t c : all)
                if (const LagShape& shape = shapes[static_cast<std::size_t>(c)];
                    shape.persistence && shape.lags.back() <= observed)
                    judge(c, {0, {1.0}}, SeriesBaseline());
            solver.solve_all(panel, series, plan.fit_steps, all, judge);
        }
        const PooledChoice choice = choose_for_each(errors, options.real("pooling"));
        std::unique_ptr<AutoregressionModel> model =
            equations_for(panel, plan.fit_steps, std::move(shapes), choice.chosen, settings.stop);
        model->optimism_ = choice.optimism;
        return model;
    }

    std::unique_ptr<ClosedFormModel> load(const Json& manifest, WeightReader& weights) const override {
        auto model = std::make_unique<AutoregressionModel>();
        for (const Json& shape : manifest.at("shapes"))
            model->shapes.push_back(LagShape::from_json(shape));
        model->covariates = manifest.at("covariates").get<std::int64_t>();
        model->fallbacks_ = manifest.at("fallbacks").get<std::int64_t>();
        model->shape_of = weights.read<std::int32_t>();
        model->intercepts = weights.read<double>();
        model->coefficients = weights.read<double>();
        model->profiles = weights.read<float>();
        model->effects = weights.read<float>();
        model->index();
        return model;
    }
};

}  // namespace

const ClosedForm& autoregression() {
    static const Autoregression method;
    return method;
}

}  // namespace tensile
