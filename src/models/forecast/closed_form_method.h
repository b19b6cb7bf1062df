// Turns a closed form into a forecasting method on the contract of series_method.h: fit on the part before validation,
// judge and calibrate intervals on the validation span, then solve again with everything.
#pragma once

#include <string>

#include "models/forecast/closed_form.h"
#include "models/forecast/conformal_intervals.h"
#include "models/forecast/forecast_metrics.h"
#include "models/series/series_method.h"

namespace tensile {

// Forecasts of the validation span by a model that has not learned from it.
struct ClosedFormValidation {
    ConformalIntervals intervals;
    NamedForecastMetrics metrics;  // without crps and coverage, which the calibration itself makes right
};
ClosedFormValidation validate(const ClosedFormModel& model, const SeriesPanel& panel, const ValidationPlan& plan,
                              const SeriesSettings& settings);

// `form` outlives the method.
std::unique_ptr<SeriesMethod> closed_form_method(const ClosedForm& form);

}  // namespace tensile
