// See closed_form_method.h.
#include "models/forecast/closed_form_method.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "models/forecast/imputation.h"
#include "models/forecast/rolling_origins.h"
#include "models/stop.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRefit = "refit";

// Origins from which hyper-parameters are judged.
constexpr std::int64_t kChoosingOrigins = 16;
// Residuals that calibration wants of each step, over all series, and the origins that it takes at most.
constexpr std::int64_t kWantedResiduals = 4000;
constexpr std::int64_t kMostCalibrationOrigins = 400;

// The usual size of a series' values about their mean.
double spread_of(std::span<const float> values) {
    double count = 0;
    double mean = 0;
    for (const float value : values)
        if (!std::isnan(value)) {
            count += 1;
            mean += (value - mean) / count;
        }
    double sum = 0;
    for (const float value : values)
        if (!std::isnan(value)) sum += std::abs(value - mean);
    return count > 0 ? sum / count : 0;
}

}  // namespace

namespace {

// A span of time, a model that has not learned from it, and origins of forecasts within it.
struct HeldOutSpan {
    const ClosedFormModel* model = nullptr;
    std::unique_ptr<ClosedFormModel> own;  // when the model serves this span alone
    std::vector<std::int64_t> origins;
    std::unique_ptr<PanelState> state;
    double factor = 1;  // of its residuals
    std::vector<float> forecasts;
};

// Parts of what was learned from, of which residuals are taken as well, by the same method without them (blocked
// cross-validation): how uncertain a forecast is changes with the season, and the validation span is one season. None
// where the rest would show too few of the cycles that the model learns.
std::vector<std::pair<std::int64_t, std::int64_t>> further_spans(const ValidationPlan& plan, std::int64_t reach) {
    // Where their middles lie in what was learned from.
    constexpr std::array<double, 3> kMiddles = {0.2, 0.5, 0.8};
    constexpr std::int64_t kShortest = 4;  // of what was learned from, in reaches
    const std::int64_t length = std::min(plan.steps - plan.fit_steps, plan.fit_steps / 8);
    std::vector<std::pair<std::int64_t, std::int64_t>> spans;
    if (length < plan.horizon || plan.fit_steps < kShortest * reach) return spans;
    for (const double middle : kMiddles) {
        const auto begin = static_cast<std::int64_t>(middle * static_cast<double>(plan.fit_steps)) - length / 2;
        spans.emplace_back(begin, begin + length);
    }
    return spans;
}

SeriesPanel without(const SeriesPanel& panel, std::int64_t begin, std::int64_t end) {
    SeriesPanel rest = panel;
    for (std::int64_t series = 0; series < panel.series; ++series)
        std::fill_n(rest.values.begin() + series * panel.steps + begin, end - begin,
                    std::numeric_limits<float>::quiet_NaN());
    return rest;
}

}  // namespace

ClosedFormValidation validate(const ClosedFormModel& model, const SeriesPanel& panel, const ValidationPlan& plan,
                              const SeriesSettings& settings) {
    const auto horizon = static_cast<std::size_t>(plan.horizon);
    const std::int64_t wanted =
        std::clamp((kWantedResiduals + panel.series - 1) / std::max<std::int64_t>(panel.series, 1), kChoosingOrigins,
                   kMostCalibrationOrigins);
    std::vector<HeldOutSpan> spans(1);
    spans.front().model = &model;
    spans.front().origins = rolling_origins(plan.fit_steps, plan.steps, plan.horizon, wanted);
    spans.front().factor = model.optimism();
    for (const auto& [begin, end] : further_spans(plan, model.reach())) {
        HeldOutSpan& span = spans.emplace_back();
        span.own = model.refit(without(panel, begin, end), plan.fit_steps, settings.stop);
        span.model = span.own.get();
        span.origins = rolling_origins(begin, end, plan.horizon, wanted);
    }
    for (HeldOutSpan& span : spans) {
        span.state = span.model->prepare(panel, span.origins, plan.horizon, settings.stop);
        span.forecasts.resize(span.origins.size() * horizon);
    }
    ConformalIntervals::Calibration calibration(panel.series, plan.horizon);
    ForecastScore overall;
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    std::vector<float> residuals;
    for (std::int64_t series = 0; series < panel.series; ++series) {
        throw_if_stopped(settings.stop);
        const std::span<const float> values = panel.of(series);
        const std::span<const float> learned = values.first(static_cast<std::size_t>(plan.fit_steps));
        // Forecasts from a past shorter than the model's reach are worse than those that it is asked for.
        const std::int64_t whole_past = observed_span(learned).first + model.reach();
        residuals.clear();
        SeriesScore score(seasonal_naive_scale(learned, std::max<std::int64_t>(settings.season, 1)));
        for (HeldOutSpan& span : spans) {
            span.model->forecast(panel, span.state.get(), series, span.origins, plan.horizon, span.forecasts);
            for (std::size_t cell = 0; cell < span.forecasts.size(); ++cell) {
                const std::int64_t origin = span.origins[cell / horizon];
                const float truth = values[static_cast<std::size_t>(origin) + cell % horizon];
                const bool validates = span.own == nullptr;
                if (validates) score.add(truth, span.forecasts[cell], kNone, kNone);
                const double residual = (truth - span.forecasts[cell]) * span.factor;
                residuals.push_back(validates || origin >= whole_past ? static_cast<float>(residual)
                                                                      : std::numeric_limits<float>::quiet_NaN());
            }
        }
        overall.add(score);
        calibration.add(series, residuals, spread_of(learned));
    }
    return {ConformalIntervals(std::move(calibration)), overall.metrics()};
}

namespace {

class ClosedFormForecaster final : public SeriesForecaster {
  public:
    ClosedFormForecaster(std::shared_ptr<const ClosedFormModel> model, ConformalIntervals intervals, TimeAxis axis,
                         std::int64_t season)
        : model_(std::move(model)), intervals_(std::move(intervals)), axis_(axis), season_(season) {}

    Forecast forecast(const SeriesTable& history, std::span<const Covariate> future, std::int64_t horizon, double level,
                      ForwardRunner&, const std::atomic<bool>* stop) const override {
        const SeriesPanel panel = panel_of(history, axis_, future, horizon);
        const std::unique_ptr<PanelState> state = model_->prepare(panel, std::span(&panel.steps, 1), horizon, stop);
        const std::vector<double> widths = intervals_.relative_widths(horizon, level);
        Forecast forecast;
        forecast.horizon = horizon;
        const auto cells = static_cast<std::size_t>(horizon * panel.series);
        forecast.mean.resize(cells);
        forecast.lower.resize(cells);
        forecast.upper.resize(cells);
        std::vector<float> mean(static_cast<std::size_t>(horizon));
        for (std::int64_t series = 0; series < panel.series; ++series) {
            throw_if_stopped(stop);
            model_->forecast(panel, state.get(), series, std::span(&panel.steps, 1), horizon, mean);
            const double scale = intervals_.scale(series);
            for (std::size_t h = 0; h < mean.size(); ++h) {
                const std::size_t cell = h * static_cast<std::size_t>(panel.series) + static_cast<std::size_t>(series);
                forecast.mean[cell] = mean[h];
                forecast.lower[cell] = static_cast<float>(mean[h] - scale * widths[h]);
                forecast.upper[cell] = static_cast<float>(mean[h] + scale * widths[h]);
            }
        }
        return forecast;
    }

    // Gaps have values on both sides, which no forecast looks at.
    Imputation impute(const SeriesTable& history, double level, ForwardRunner&,
                      const std::atomic<bool>* stop) const override {
        ImputationSettings settings;
        settings.season = season_;
        return impute_missing(history, settings, level, stop);
    }

  private:
    std::shared_ptr<const ClosedFormModel> model_;
    ConformalIntervals intervals_;
    TimeAxis axis_;
    std::int64_t season_;
};

class ClosedFormFit final : public SeriesFit {
  public:
    ClosedFormFit(const ClosedForm& form, const SeriesTable& table, const SeriesSettings& settings,
                  const Options& options)
        : form_(form), axis_(table.axis), season_(std::max<std::int64_t>(settings.season, 1)) {
        const SeriesPanel panel = panel_of(table, table.axis);
        const ValidationPlan plan = validation_plan(table.steps, settings, kChoosingOrigins);
        std::unique_ptr<ClosedFormModel> judged = form.fit(panel, plan, settings, options);
        ClosedFormValidation validation = validate(*judged, panel, plan, settings);
        intervals_ = std::move(validation.intervals);
        for (const auto& [name, value] : validation.metrics)
            metrics_.push_back({std::string(form.name()), std::string(name), value});
        for (TaskMetric& candidate : judged->candidates())
            metrics_.push_back(std::move(candidate));
        model_ = options.boolean(kRefit) ? judged->refit(panel, table.steps, settings.stop) : std::move(judged);
        if (model_->fallbacks() > 0)
            log_.push_back({1, std::string(form.name()), "fallback_series", static_cast<double>(model_->fallbacks())});
    }

    Job& job() override { return job_; }
    TrainingProgress progress() const override {
        TrainingProgress progress;
        progress.phase = "solved";
        progress.steps = progress.step = 1;
        return progress;
    }
    std::vector<LogLine> take_log() override { return std::exchange(log_, {}); }
    Json manifest() const override {
        Json manifest;
        manifest["start"] = axis_.start;
        manifest["season"] = season_;
        WeightWriter weights;
        model_->save(manifest["model"], weights);
        return manifest;
    }
    std::vector<std::byte> host_weights() const override {
        WeightWriter weights;
        Json ignored;
        model_->save(ignored, weights);
        intervals_.save(weights);
        return weights.take();
    }
    std::vector<TaskMetric> metrics() const override { return metrics_; }
    std::uint64_t bytes() const override { return model_->bytes() + intervals_.bytes(); }

  private:
    const ClosedForm& form_;
    TimeAxis axis_;
    std::int64_t season_;
    std::unique_ptr<ClosedFormModel> model_;
    ConformalIntervals intervals_;
    std::vector<TaskMetric> metrics_;
    std::vector<LogLine> log_;
    Job job_;
};

class ClosedFormMethod final : public SeriesMethod {
  public:
    explicit ClosedFormMethod(const ClosedForm& form)
        : form_(form), options_(form.options().begin(), form.options().end()) {
        options_.push_back(
            {kRefit,
             OptionType::kBoolean,
             "true",
             {},
             {},
             {},
             "Whether the coefficients are solved for again with the validation span, once it has served"});
    }

    std::string_view name() const override { return form_.name(); }
    std::string_view help() const override { return form_.help(); }
    std::span<const OptionDeclaration> options() const override { return options_; }
    // A closed form has nothing to go on from: with `previous` it is solved for the table as it is now.
    std::unique_ptr<SeriesFit> fit(const SeriesTable& table, const SeriesSettings& settings, const Options& options,
                                   const Previous*) const override {
        return std::make_unique<ClosedFormFit>(form_, table, settings, options);
    }
    std::unique_ptr<SeriesForecaster> load(const Json& manifest, std::span<const std::byte> host_weights,
                                           const SeriesTable& table) const override {
        WeightReader weights(host_weights);
        TimeAxis axis = table.axis;
        manifest.at("start").get_to(axis.start);
        std::shared_ptr<const ClosedFormModel> model = form_.load(manifest.at("model"), weights);
        ConformalIntervals intervals = ConformalIntervals::load(weights);
        return std::make_unique<ClosedFormForecaster>(std::move(model), std::move(intervals), axis,
                                                      manifest.at("season").get<std::int64_t>());
    }

  private:
    const ClosedForm& form_;
    std::vector<OptionDeclaration> options_;
};

}  // namespace

std::unique_ptr<SeriesMethod> closed_form_method(const ClosedForm& form) {
    return std::make_unique<ClosedFormMethod>(form);
}

}  // namespace tensile
