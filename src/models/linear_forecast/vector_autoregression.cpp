// See vector_autoregression.h.
#include "models/linear_forecast/vector_autoregression.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <nlohmann/json.hpp>

#include "models/forecast/dense_product.h"
#include "models/forecast/gap_bridges.h"
#include "models/forecast/ridge_solver.h"
#include "models/forecast/series_baseline.h"
#include "models/forecast/value_range.h"
#include "models/linear_forecast/lag_shapes.h"
#include "models/linear_forecast/principal_factors.h"
#include "models/stop.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMostSeries = 2000;
constexpr std::int64_t kBridgedGap = 6;
constexpr std::array<double, 4> kRidges = {1e-3, 1e-2, 1e-1, 1};

struct FactorShape {
    Cycle cycle;
    std::int64_t own_lags = 1;
    std::int64_t factor_lags = 1;
    std::int64_t factors = 1;
    double lambda = 0;

    std::int64_t reach() const { return std::max(own_lags, factor_lags); }
    std::int64_t inputs() const { return own_lags + factor_lags * factors; }
};

// Deviations of all series [steps, series], centred, in units of their standard deviation. Gaps: short ones bridged,
// others 0, which is the baseline.
struct Deviations {
    std::vector<SeriesBaseline> baselines;
    std::vector<double> means;
    std::vector<double> scales;  // 0: constant
    std::vector<double> values;
};

Deviations deviations_of(const SeriesPanel& panel, std::int64_t steps, const Cycle& cycle,
                         const std::atomic<bool>* stop) {
    Deviations all;
    const auto series = static_cast<std::size_t>(panel.series);
    all.values.resize(static_cast<std::size_t>(steps) * series);
    for (std::size_t s = 0; s < series; ++s) {
        throw_if_stopped(stop);
        all.baselines.push_back(SeriesBaseline::fit(panel, static_cast<std::int64_t>(s), steps, cycle));
        std::vector<double> own = all.baselines.back().deviations(panel, static_cast<std::int64_t>(s), 0, steps);
        double count = 0;
        double mean = 0;
        double squares = 0;
        for (const double value : own)
            if (!std::isnan(value)) {
                count += 1;
                const double difference = value - mean;
                mean += difference / count;
                squares += difference * (value - mean);
            }
        const double scale = count > 0 ? std::sqrt(squares / count) : 0;
        all.means.push_back(mean);
        all.scales.push_back(scale > 1e-9 * std::abs(mean) ? scale : 0);
        bridge_gaps(own, kBridgedGap);
        for (std::size_t t = 0; t < own.size(); ++t)
            if (all.scales[s] > 0 && !std::isnan(own[t])) all.values[t * series + s] = (own[t] - mean) / scale;
    }
    return all;
}

// What the regressions of all series share: lagged factors and their products.
class FactorDesign {
  public:
    // `directions` [series, most factors].
    FactorDesign(const Deviations& deviations, std::size_t series, std::span<const double> directions,
                 std::size_t most_factors, const FactorShape& shape)
        : shape_(shape), series_(series), values_(deviations.values) {
        const std::size_t steps = values_.size() / series;
        const auto factors = static_cast<std::size_t>(shape.factors);
        std::vector<double> scores(steps * factors);
        add_product({scores.data(), factors}, {values_.data(), series}, {directions.data(), most_factors}, steps,
                    factors, series);
        reach_ = static_cast<std::size_t>(shape.reach());
        rows_ = steps > reach_ ? steps - reach_ : 0;
        width_ = factors * static_cast<std::size_t>(shape.factor_lags);
        lagged_.resize(rows_ * width_);
        for (std::size_t t = 0; t < rows_; ++t)
            for (std::size_t lag = 0; lag < static_cast<std::size_t>(shape.factor_lags); ++lag)
                std::copy_n(scores.data() + (t + reach_ - 1 - lag) * factors, factors,
                            lagged_.data() + t * width_ + lag * factors);
        std::vector<double> transposed(lagged_.size());
        for (std::size_t t = 0; t < rows_; ++t)
            for (std::size_t k = 0; k < width_; ++k)
                transposed[k * rows_ + t] = lagged_[t * width_ + k];
        common_.resize(width_ * width_);
        add_product({common_.data(), width_}, {transposed.data(), rows_}, {lagged_.data(), width_}, width_, width_,
                    rows_);
        means_.resize(width_);
        for (std::size_t t = 0; t < rows_; ++t)
            add_multiple(means_.data(), lagged_.data() + t * width_, 1.0 / static_cast<double>(rows_), width_);
    }

    std::size_t rows() const { return rows_; }

    // The moments of one series' regression about their means: inputs (own lags, then factor lags by lag), then the
    // target.
    void moments(std::size_t one, std::vector<double>& gram, std::vector<double>& means) const {
        const auto own = static_cast<std::size_t>(shape_.own_lags);
        const std::size_t size = own + width_ + 1;
        std::vector<double> rows((own + 1) * rows_);  // lags 1 ... own, then the target
        for (std::size_t t = 0; t < rows_; ++t) {
            for (std::size_t lag = 0; lag < own; ++lag)
                rows[lag * rows_ + t] = values_[(t + reach_ - 1 - lag) * series_ + one];
            rows[own * rows_ + t] = values_[(t + reach_) * series_ + one];
        }
        std::vector<double> crossed((own + 1) * width_);
        add_product({crossed.data(), width_}, {rows.data(), rows_}, {lagged_.data(), width_}, own + 1, width_, rows_);
        const auto place = [&](std::size_t own_row) { return own_row < own ? own_row : size - 1; };
        gram.assign(size * size, 0);
        means.assign(size, 0);
        std::ranges::copy(means_, means.begin() + static_cast<std::ptrdiff_t>(own));
        for (std::size_t a = 0; a <= own; ++a) {
            double sum = 0;
            for (std::size_t t = 0; t < rows_; ++t)
                sum += rows[a * rows_ + t];
            means[place(a)] = sum / static_cast<double>(rows_);
            for (std::size_t b = 0; b <= a; ++b) {
                double product = 0;
                for (std::size_t t = 0; t < rows_; ++t)
                    product += rows[a * rows_ + t] * rows[b * rows_ + t];
                gram[place(a) * size + place(b)] = gram[place(b) * size + place(a)] = product;
            }
            for (std::size_t k = 0; k < width_; ++k)
                gram[place(a) * size + own + k] = gram[(own + k) * size + place(a)] = crossed[a * width_ + k];
        }
        for (std::size_t k = 0; k < width_; ++k)
            std::copy_n(common_.data() + k * width_, width_, gram.data() + (own + k) * size + own);
        for (std::size_t a = 0; a < size; ++a)
            for (std::size_t b = 0; b < size; ++b)
                gram[a * size + b] -= static_cast<double>(rows_) * means[a] * means[b];
    }

  private:
    FactorShape shape_;
    std::size_t series_;
    std::span<const double> values_;
    std::size_t reach_ = 0;
    std::size_t rows_ = 0;
    std::size_t width_ = 0;
    std::vector<double> lagged_;  // [rows, width]
    std::vector<double> common_;  // [width, width]
    std::vector<double> means_;   // [width]
};

// Forecasts of all series from all origins, made at once because each step of one needs the others' steps before.
class JointForecasts final : public PanelState {
  public:
    std::vector<float> values;  // [origins, horizon, series]
};

class VectorModel final : public ClosedFormModel {
  public:
    FactorShape shape;
    std::int64_t covariates = 0;
    std::int64_t series = 0;
    std::vector<double> directions;  // [series, factors]
    std::vector<double> own;         // [series, own_lags]
    std::vector<double> loadings;    // [factor_lags * factors, series]
    std::vector<double> intercepts;  // [series]
    std::vector<double> means;       // [series]
    std::vector<double> scales;      // [series]
    std::vector<float> profiles;     // [series, period]
    std::vector<float> effects;      // [series, 2 * covariates]

    std::unique_ptr<PanelState> prepare(const SeriesPanel& panel, std::span<const std::int64_t> origins,
                                        std::int64_t horizon, const std::atomic<bool>* stop) const override {
        auto joint = std::make_unique<JointForecasts>();
        const auto width = static_cast<std::size_t>(series);
        joint->values.resize(origins.size() * static_cast<std::size_t>(horizon) * width);
        if (origins.empty()) return joint;
        const std::int64_t begin = std::max<std::int64_t>(0, origins.front() - 4 * shape.reach() - 24);
        std::vector<double> past = known_past(panel, begin, origins.back(), stop);
        const auto reach = static_cast<std::size_t>(shape.reach());
        std::vector<double> window((reach + static_cast<std::size_t>(horizon)) * width);
        for (std::size_t o = 0; o < origins.size(); ++o) {
            throw_if_stopped(stop);
            std::ranges::fill(window, 0);
            const std::int64_t known = std::min<std::int64_t>(origins[o] - begin, shape.reach());
            std::copy_n(past.data() + static_cast<std::size_t>(origins[o] - begin - known) * width,
                        static_cast<std::size_t>(known) * width,
                        window.data() + (reach - static_cast<std::size_t>(known)) * width);
            for (std::size_t h = 0; h < static_cast<std::size_t>(horizon); ++h) {
                double* next = window.data() + (reach + h) * width;
                step(window, reach + h, {next, width});
                float* out = joint->values.data() + (o * static_cast<std::size_t>(horizon) + h) * width;
                for (std::size_t s = 0; s < width; ++s)
                    out[s] = static_cast<float>(next[s]);
            }
        }
        return joint;
    }

    void forecast(const SeriesPanel& panel, const PanelState* state, std::int64_t one,
                  std::span<const std::int64_t> origins, std::int64_t horizon, std::span<float> out) const override {
        const auto& joint = dynamic_cast<const JointForecasts&>(*state);
        const SeriesBaseline baseline = baseline_of(one);
        const std::span<const float> values = panel.of(one);
        const auto s = static_cast<std::size_t>(one);
        ValueRange range;
        std::int64_t seen = 0;
        for (std::size_t o = 0; o < origins.size(); ++o) {
            range.extend(values.subspan(static_cast<std::size_t>(seen), static_cast<std::size_t>(origins[o] - seen)));
            seen = origins[o];
            const bool known = observed_span(values.first(static_cast<std::size_t>(origins[o]))).length() > 0;
            for (std::int64_t h = 0; h < horizon; ++h) {
                const auto cell = o * static_cast<std::size_t>(horizon) + static_cast<std::size_t>(h);
                const double deviation =
                    means[s] + scales[s] * joint.values[cell * static_cast<std::size_t>(series) + s];
                out[cell] = known ? static_cast<float>(range.clamp(deviation + baseline.at(panel, one, origins[o] + h)))
                                  : std::numeric_limits<float>::quiet_NaN();
            }
        }
    }

    std::unique_ptr<ClosedFormModel> refit(const SeriesPanel& panel, std::int64_t steps,
                                           const std::atomic<bool>* stop) const override;

    std::int64_t reach() const override { return std::max(shape.reach(), shape.cycle.period); }

    void save(Json& manifest, WeightWriter& weights) const override {
        manifest["period"] = shape.cycle.period;
        manifest["inner"] = shape.cycle.inner;
        manifest["own_lags"] = shape.own_lags;
        manifest["factor_lags"] = shape.factor_lags;
        manifest["factors"] = shape.factors;
        manifest["lambda"] = shape.lambda;
        manifest["series"] = series;
        manifest["covariates"] = covariates;
        for (const std::vector<double>* values : {&directions, &own, &loadings, &intercepts, &means, &scales})
            weights.write(*values);
        weights.write(profiles);
        weights.write(effects);
    }

    std::uint64_t bytes() const override {
        return (directions.size() + own.size() + loadings.size() + intercepts.size() + means.size() + scales.size()) *
                   sizeof(double) +
               (profiles.size() + effects.size()) * sizeof(float);
    }

  private:
    SeriesBaseline baseline_of(std::int64_t one) const {
        const auto period = static_cast<std::size_t>(shape.cycle.period);
        const auto width = static_cast<std::size_t>(2 * covariates);
        const auto s = static_cast<std::size_t>(one);
        return {std::span(profiles).subspan(s * period, period), std::span(effects).subspan(s * width, width)};
    }

    // Scaled deviations of steps [begin, end), [steps, series]; a missing one is what the model expects at its step.
    std::vector<double> known_past(const SeriesPanel& panel, std::int64_t begin, std::int64_t end,
                                   const std::atomic<bool>* stop) const {
        const auto width = static_cast<std::size_t>(series);
        const auto steps = static_cast<std::size_t>(end - begin);
        std::vector<double> past(steps * width);
        std::vector<bool> gaps(steps);
        for (std::size_t s = 0; s < width; ++s) {
            throw_if_stopped(stop);
            const std::vector<double> values =
                baseline_of(static_cast<std::int64_t>(s)).deviations(panel, static_cast<std::int64_t>(s), begin, end);
            for (std::size_t t = 0; t < steps; ++t) {
                past[t * width + s] = scales[s] > 0 ? (values[t] - means[s]) / scales[s] : 0;
                if (std::isnan(past[t * width + s])) gaps[t] = true;
            }
        }
        const auto reach = static_cast<std::size_t>(shape.reach());
        std::vector<double> expected(width);
        for (std::size_t t = 0; t < steps; ++t) {
            if (!gaps[t]) continue;
            std::ranges::fill(expected, 0);
            if (t >= reach) step(past, t, expected);
            for (std::size_t s = 0; s < width; ++s)
                if (std::isnan(past[t * width + s])) past[t * width + s] = expected[s];
        }
        return past;
    }

    // What the rows before row `at` of `rows` [.., series] let expect there.
    void step(std::span<const double> rows, std::size_t at, std::span<double> next) const {
        const auto width = static_cast<std::size_t>(series);
        const auto factors = static_cast<std::size_t>(shape.factors);
        std::vector<double> lagged(factors * static_cast<std::size_t>(shape.factor_lags));
        for (std::size_t lag = 0; lag < static_cast<std::size_t>(shape.factor_lags); ++lag)
            add_product({lagged.data() + lag * factors, factors}, {rows.data() + (at - 1 - lag) * width, width},
                        {directions.data(), factors}, 1, factors, width);
        std::ranges::copy(intercepts, next.begin());
        for (std::size_t lag = 0; lag < static_cast<std::size_t>(shape.own_lags); ++lag)
            for (std::size_t s = 0; s < width; ++s)
                next[s] += own[s * static_cast<std::size_t>(shape.own_lags) + lag] * rows[(at - 1 - lag) * width + s];
        for (std::size_t k = 0; k < lagged.size(); ++k)
            add_multiple(next.data(), loadings.data() + k * width, lagged[k], width);
        // An unstable system must not reach infinity before its values are clamped.
        for (double& value : next)
            value = std::clamp(value, -1e6, 1e6);
    }
};

// Solves all series of `shape`; `ridges` gives one model each.
std::vector<std::unique_ptr<VectorModel>> solve_all(const Deviations& deviations, const SeriesPanel& panel,
                                                    std::span<const double> directions, std::size_t most_factors,
                                                    const FactorShape& shape, std::span<const double> ridges,
                                                    const std::atomic<bool>* stop) {
    const auto series = static_cast<std::size_t>(panel.series);
    const FactorDesign design(deviations, series, directions, most_factors, shape);
    const auto own = static_cast<std::size_t>(shape.own_lags);
    const auto factors = static_cast<std::size_t>(shape.factors);
    const auto inputs = static_cast<std::size_t>(shape.inputs());
    std::vector<std::unique_ptr<VectorModel>> models;
    for (const double lambda : ridges) {
        VectorModel& model = *models.emplace_back(std::make_unique<VectorModel>());
        model.shape = shape;
        model.shape.lambda = lambda;
        model.series = panel.series;
        model.covariates = static_cast<std::int64_t>(panel.covariates.size());
        for (std::size_t s = 0; s < series; ++s)
            model.directions.insert(model.directions.end(),
                                    directions.begin() + static_cast<std::ptrdiff_t>(s * most_factors),
                                    directions.begin() + static_cast<std::ptrdiff_t>(s * most_factors + factors));
        model.own.resize(series * own);
        model.loadings.resize((inputs - own) * series);
        model.intercepts.resize(series);
        model.means = deviations.means;
        model.scales = deviations.scales;
        for (const SeriesBaseline& baseline : deviations.baselines) {
            model.profiles.insert(model.profiles.end(), baseline.profile().begin(), baseline.profile().end());
            std::vector<float> effects(baseline.effects().begin(), baseline.effects().end());
            effects.resize(2 * panel.covariates.size());
            model.effects.insert(model.effects.end(), effects.begin(), effects.end());
        }
    }
    if (design.rows() == 0) return models;
    RidgeSolver solver(inputs);
    std::vector<double> moments;
    std::vector<double> means;
    std::vector<double> left(inputs * inputs);
    std::vector<double> right(inputs);
    const std::size_t size = inputs + 1;
    for (std::size_t s = 0; s < series; ++s) {
        throw_if_stopped(stop);
        if (!(deviations.scales[s] > 0)) continue;
        design.moments(s, moments, means);
        for (std::size_t a = 0; a < inputs; ++a)
            std::copy_n(moments.data() + a * size, inputs, left.data() + a * inputs);
        for (std::size_t r = 0; r < ridges.size(); ++r) {
            VectorModel& model = *models[r];
            for (std::size_t a = 0; a < inputs; ++a)
                right[a] = moments[a * size + inputs];
            if (!solver.factorize(left, ridges[r])) continue;  // stays at its baseline
            solver.solve(right, 1);
            model.intercepts[s] = means[inputs];
            for (std::size_t a = 0; a < inputs; ++a)
                model.intercepts[s] -= right[a] * means[a];
            std::copy_n(right.data(), own, model.own.data() + s * own);
            for (std::size_t k = 0; k < inputs - own; ++k)
                model.loadings[k * series + s] = right[own + k];
        }
    }
    return models;
}

std::unique_ptr<ClosedFormModel> VectorModel::refit(const SeriesPanel& panel, std::int64_t steps,
                                                    const std::atomic<bool>* stop) const {
    const Deviations deviations = deviations_of(panel, steps, shape.cycle, stop);
    const std::vector<double> principal = principal_directions(
        deviations.values, static_cast<std::size_t>(panel.series), static_cast<std::size_t>(shape.factors), stop);
    auto models = solve_all(deviations, panel, principal, static_cast<std::size_t>(shape.factors), shape,
                            std::span(&shape.lambda, 1), stop);
    return std::move(models.front());
}

// Mean squared error of the validation span, each series in units of its scale in `units`.
double validation_error(const ClosedFormModel& model, const SeriesPanel& panel, const ValidationPlan& plan,
                        std::span<const double> units, const std::atomic<bool>* stop) {
    const std::unique_ptr<PanelState> state = model.prepare(panel, plan.origins, plan.horizon, stop);
    const auto horizon = static_cast<std::size_t>(plan.horizon);
    std::vector<float> forecast(plan.origins.size() * horizon);
    double sum = 0;
    double count = 0;
    for (std::int64_t s = 0; s < panel.series; ++s) {
        if (!(units[static_cast<std::size_t>(s)] > 0)) continue;
        model.forecast(panel, state.get(), s, plan.origins, plan.horizon, forecast);
        for (std::size_t o = 0; o < plan.origins.size(); ++o)
            for (std::size_t h = 0; h < horizon; ++h) {
                const float truth = panel.of(s)[static_cast<std::size_t>(plan.origins[o]) + h];
                if (std::isnan(truth)) continue;
                const double error = (truth - forecast[o * horizon + h]) / units[static_cast<std::size_t>(s)];
                sum += error * error;
                count += 1;
            }
    }
    return count > 0 ? sum / count : std::numeric_limits<double>::infinity();
}

class VectorAutoregression final : public ClosedForm {
  public:
    std::string_view name() const override { return "var"; }
    std::string_view help() const override {
        return "Ridge regressions of every series on its own past and on principal factors of all series";
    }
    std::span<const OptionDeclaration> options() const override {
        static const std::array<OptionDeclaration, 4> declarations = {{
            {"order", OptionType::kInteger, "5", 1, 256, {}, "Steps back that a series' own past counts"},
            {"factor_order", OptionType::kInteger, "2", 1, 256, {}, "Steps back that the factors' past counts"},
            {"factors",
             OptionType::kIntegerArray,
             "[5, 10, 20, 40]",
             1,
             1000,
             {},
             "Numbers of principal factors, the best on the validation span; as many as there are series: a full "
             "vector "
             "autoregression"},
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
    bool applies_to(const SeriesPanel& panel) const override {
        return panel.series >= 2 && panel.series <= kMostSeries;
    }

    std::unique_ptr<ClosedFormModel> fit(const SeriesPanel& panel, const ValidationPlan& plan,
                                         const SeriesSettings& settings, const Options& options) const override {
        if (panel.series > kMostSeries)
            throw Error(sqlstate::kProgramLimitExceeded,
                        "method \"var\" cannot learn from " + std::to_string(panel.series) + " series at once",
                        "At most " + std::to_string(kMostSeries) + " series are regressed on each other.",
                        "Use method \"ar\" or \"linear\" for many series.");
        FactorShape shape;
        shape.own_lags = options.integer("order");
        shape.factor_lags = options.integer("factor_order");
        if (2 * shape.reach() >= plan.fit_steps)
            throw Error(sqlstate::kInvalidParameterValue,
                        "series are too short for a vector autoregression of order " + std::to_string(shape.reach()),
                        "There are " + std::to_string(plan.fit_steps) + " steps to learn from.",
                        "Lower \"order\" and \"factor_order\".");
        std::vector<std::int64_t> counts = options.integers("factors");
        for (std::int64_t& count : counts)
            count = std::min(count, panel.series);
        std::ranges::sort(counts);
        counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
        if (counts.empty())
            throw Error(sqlstate::kInvalidParameterValue,
                        "option \"factors\" must name at least one number of factors");

        const std::int64_t season = std::max<std::int64_t>(settings.season, 1);
        const std::int64_t longer = long_season(options, settings, panel.step);
        std::vector<Cycle> cycles = {{}};
        if (season > 1 && 2 * season <= plan.fit_steps) cycles.push_back({season, 0});
        if (longer > season && 2 * longer <= plan.fit_steps) cycles.push_back({longer, season > 1 ? season : 0});

        std::unique_ptr<VectorModel> best;
        double least = std::numeric_limits<double>::infinity();
        std::vector<double> units;
        for (const Cycle& cycle : cycles) {
            shape.cycle = cycle;
            const Deviations deviations = deviations_of(panel, plan.fit_steps, cycle, settings.stop);
            if (units.empty()) units = deviations.scales;
            const auto most = static_cast<std::size_t>(counts.back());
            const std::vector<double> directions =
                principal_directions(deviations.values, static_cast<std::size_t>(panel.series), most, settings.stop);
            for (const std::int64_t count : counts) {
                shape.factors = count;
                for (auto& model : solve_all(deviations, panel, directions, most, shape, kRidges, settings.stop)) {
                    const double error = validation_error(*model, panel, plan, units, settings.stop);
                    if (best && !(error < least)) continue;
                    least = error;
                    best = std::move(model);
                }
            }
        }
        return best;
    }

    std::unique_ptr<ClosedFormModel> load(const Json& manifest, WeightReader& weights) const override {
        auto model = std::make_unique<VectorModel>();
        manifest.at("period").get_to(model->shape.cycle.period);
        manifest.at("inner").get_to(model->shape.cycle.inner);
        manifest.at("own_lags").get_to(model->shape.own_lags);
        manifest.at("factor_lags").get_to(model->shape.factor_lags);
        manifest.at("factors").get_to(model->shape.factors);
        manifest.at("lambda").get_to(model->shape.lambda);
        manifest.at("series").get_to(model->series);
        manifest.at("covariates").get_to(model->covariates);
        for (std::vector<double>* values :
             {&model->directions, &model->own, &model->loadings, &model->intercepts, &model->means, &model->scales})
            *values = weights.read<double>();
        model->profiles = weights.read<float>();
        model->effects = weights.read<float>();
        return model;
    }
};

}  // namespace

const ClosedForm& vector_autoregression() {
    static const VectorAutoregression method;
    return method;
}

}  // namespace tensile
