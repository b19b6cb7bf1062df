// How well a model of series still forecasts: its errors on rows that came after it was trained, measured when it is
// refreshed. Knows no session.
#pragma once

#include <memory>
#include <vector>

#include "engine/resources.h"
#include "models/model_family.h"
#include "models/series/series_table.h"
#include "runtime/inference.h"

namespace tensile {

// The task that these metrics are stored under, with the version that the refresh makes.
inline constexpr const char* kDriftTask = "previous_version";

// Forecasts of `base` from its end on through `table`, which has the same series and goes on longer: from every origin
// as many steps ahead as intervals are calibrated for, with all values before the origin known. Metrics over all series
// as in forecast_metrics.h, and "steps", the number of new points in time. Empty when there are none or the series
// differ.
std::vector<TaskMetric> drift_of(const Resources& resources, const std::shared_ptr<LoadedModel>& base,
                                 const SeriesTable& table, const StopFlag& stop);

}  // namespace tensile
