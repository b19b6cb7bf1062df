// Method "auto_forecast": several closed forms are fitted before the validation span and judged on it; every series is
// then forecast by the one that its own errors and those of all series speak for (pooled_choice.h), or all by the one
// that is best over all. The scores of every candidate come back with the training's metrics, one task each.
#pragma once

#include "models/forecast/closed_form.h"
#include "models/series/series_method.h"

namespace tensile {

const ClosedForm& auto_forecast();
const SeriesMethod& auto_forecast_method();

}  // namespace tensile
