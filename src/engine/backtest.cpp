// See backtest.h.
#include "engine/backtest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "engine/batch_predictor.h"
#include "engine/device_record.h"
#include "engine/forward_runner.h"
#include "engine/model_hash.h"
#include "engine/queue_timeout.h"
#include "engine/served_model.h"
#include "engine/trained_weights.h"
#include "models/forecast/rolling_score.h"
#include "models/seasonal_naive/seasonal_naive.h"
#include "models/series/series_family.h"
#include "runtime/job_runner.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Rivals that need no fitting worth the name run on the host.
class NoProgram final : public ForwardRunner {
  public:
    void run(std::int64_t, const Fill&, const Take&) override {
        throw InternalError("a naive forecast has no program to run");
    }
};

Forecast naive_forecast(const SeriesTable& history, std::int64_t season, std::int64_t horizon, double level,
                        const std::atomic<bool>& stop) {
    const SeriesMethod& method = seasonal_naive_method();
    SeriesSettings settings;
    settings.season = season;
    settings.horizon = horizon;
    settings.stop = &stop;
    const Options options = Options::parse(method.name(), method.options(), "{}");
    const std::unique_ptr<SeriesFit> fit = method.fit(history, settings, options, nullptr);
    const std::unique_ptr<SeriesForecaster> forecaster = method.load(fit->manifest(), fit->host_weights(), history);
    NoProgram no_program;
    return forecaster->forecast(history, {}, horizon, level, no_program, &stop);
}

// One method's scores while the folds go by.
struct MethodScores {
    std::string name;
    RollingScore scores;
};

BacktestRow row_of(const NamedForecastMetrics& metrics, std::int64_t series, const std::string& method,
                   std::int64_t points) {
    BacktestRow row;
    row.series = series;
    row.method = method;
    row.points = points;
    row.values.fill(std::numeric_limits<double>::quiet_NaN());
    for (const auto& [name, value] : metrics) {
        const auto* found = std::ranges::find(kBacktestMetrics, name);
        if (found != kBacktestMetrics.end())
            row.values[static_cast<std::size_t>(found - kBacktestMetrics.begin())] = value;
    }
    return row;
}

void require_history(std::int64_t steps, std::int32_t folds, std::int64_t horizon, std::int64_t season) {
    const std::int64_t least = std::max<std::int64_t>(2 * season, 8);
    if (horizon <= (steps - least) / folds) return;
    throw Error(sqlstate::kInvalidParameterValue, "series are too short for this backtest",
                "Before the first of " + std::to_string(folds) + " origins, " + std::to_string(horizon) +
                    " steps apart, there must be at least " + std::to_string(least) + " steps; there are " +
                    std::to_string(steps) + " in all.",
                "Lower \"folds\" or \"horizon\".");
}

}  // namespace

Backtest::Backtest(const Resources& resources, SessionStatus& status, const SeriesPredictor& model,
                   BacktestLimits limits)
    : resources_(resources), status_(status), model_(model), limits_(limits) {}

std::vector<BacktestRow> Backtest::run(std::int32_t folds, std::int64_t horizon, double level) {
    const SeriesTable& table = model_.table();
    const std::int64_t season = model_.data().season;
    require_history(table.steps, folds, horizon, season);
    const std::int64_t first_origin = table.steps - folds * horizon;

    const bool has_seasonal_rival = season > 1 && model_.method() != seasonal_naive_method().name();
    const RollingScore nothing(table, first_origin, season, level);
    std::vector<MethodScores> methods = {{std::string(model_.method()), nothing}, {"naive", nothing}};
    if (has_seasonal_rival) methods.push_back({std::string(seasonal_naive_method().name()), nothing});
    TrainingProgress progress;
    progress.phase = "backtesting";
    progress.steps = folds;
    for (std::int64_t origin = first_origin; origin < table.steps; origin += horizon, ++progress.step) {
        if (status_.stop()) throw_stopped();
        status_.update_activity(progress, 0);
        SeriesTable history = first_steps(table, origin);
        methods[1].scores.add(table, origin, naive_forecast(history, 1, horizon, level, status_.stop()));
        if (has_seasonal_rival)
            methods[2].scores.add(table, origin, naive_forecast(history, season, horizon, level, status_.stop()));
        methods[0].scores.add(table, origin, refitted(std::move(history), horizon, level));
    }

    std::vector<BacktestRow> rows;
    for (const MethodScores& method : methods)
        rows.push_back(row_of(method.scores.all(), -1, method.name, method.scores.points()));
    for (std::int64_t one = 0; one < table.series(); ++one)
        for (const MethodScores& method : methods) {
            const SeriesScore& score = method.scores.of(one);
            if (score.count() > 0) rows.push_back(row_of(score.metrics(), one, method.name, score.count()));
        }
    return rows;
}

Forecast Backtest::refitted(SeriesTable known, std::int64_t horizon, double level) {
    const std::int64_t origin = known.steps;
    HostCharge charge = resources_.host.charge(known.bytes());
    const auto& family = dynamic_cast<const SeriesFamily&>(family_named(model_.method()));
    const std::unique_ptr<Training> training = family.refit(model_, std::move(known), nullptr, &status_.stop());
    charge.resize(training->bytes());
    require_precision(resources_.device, training->precision());
    std::unique_ptr<JobRunner> runner;
    if (!training->job().programs.empty()) {
        runner = std::make_unique<JobRunner>(resources_.device, resources_.arbiter, training->job(), "backtest",
                                             training->precision());
        const PoolOwner owner{status_.id(), status_.identity().backend_pid, "backtest", std::string(model_.method())};
        runner->admit(resources_.jobs, owner, queue_timeout(limits_.queue_timeout_ms), &status_.stop(), limits_.share);
        runner->run(&status_.stop(), [] {});
    }

    const std::string manifest = training->manifest();
    const std::unique_ptr<Predictor> layout = predictor_from(manifest);
    HostCharge weight_charge = resources_.host.charge(layout->weight_bytes());
    std::vector<std::byte> weights(layout->weight_bytes());
    write_weights(*training, runner.get(), *layout, weights);
    runner.reset();
    const ModelKey key = hash_model(std::as_bytes(std::span(manifest)), weights);
    const std::shared_ptr<LoadedModel> loaded =
        load_model(resources_, key, manifest, weights, limits_.queue_timeout_ms, status_.stop());
    const SeriesPredictor& fitted = *predictor_of(*loaded).as_series();
    ContextRunner forward(resources_.device, loaded, status_.stop());
    return fitted.forecaster().forecast(fitted.table(), covariates_between(model_.table(), origin, origin + horizon),
                                        horizon, level, forward, &status_.stop());
}

}  // namespace tensile
