// See drift.h.
#include "engine/drift.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/batch_predictor.h"
#include "engine/forward_runner.h"
#include "engine/served_model.h"
#include "models/forecast/rolling_score.h"
#include "models/series/series_predictor.h"

namespace tensile {

namespace {

constexpr double kLevel = 0.9;
// Of a long span the last origins tell the most.
constexpr std::int64_t kMostOrigins = 50;

}  // namespace

std::vector<TaskMetric> drift_of(const Resources& resources, const std::shared_ptr<LoadedModel>& base,
                                 const SeriesTable& table, const StopFlag& stop) {
    const SeriesPredictor* predictor = predictor_of(*base).as_series();
    if (predictor == nullptr) return {};
    const SeriesTable& known = predictor->table();
    const TimeAxis::Position end = table.axis.position(known.axis.at(known.steps));
    if (known.keys != table.keys || known.modes != table.modes || !(known.axis.step == table.axis.step) || !end.exact ||
        end.index <= 0 || end.index >= table.steps)
        return {};

    const std::int64_t horizon = predictor->horizon();
    const std::int64_t begin = std::max(end.index, table.steps - kMostOrigins * horizon);
    const HostCharge charge = resources.host.charge(2 * table.bytes());
    RollingScore score(table, end.index, predictor->data().season, kLevel);
    ContextRunner runner(resources.device, base, stop);
    for (std::int64_t origin = begin; origin < table.steps; origin += horizon) {
        if (stop) throw_stopped();
        const std::int64_t steps = std::min(horizon, table.steps - origin);
        score.add(table, origin,
                  predictor->forecaster().forecast(first_steps(table, origin),
                                                   covariates_between(table, origin, origin + steps), steps, kLevel,
                                                   runner, &stop));
    }
    std::vector<TaskMetric> metrics;
    for (const auto& [name, value] : score.all())
        metrics.push_back({kDriftTask, std::string(name), value});
    metrics.push_back({kDriftTask, "steps", static_cast<double>(table.steps - end.index)});
    return metrics;
}

}  // namespace tensile
