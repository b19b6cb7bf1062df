// Method "auto_forecast": what forecasts the validation span best, of candidates that the user names. Those that are
// closed forms make one candidate together (auto_forecast.h), which chooses for each series; a network is one for all
// series. When there are only closed forms, which is the default, the model is that of the closed form; else see
// candidate_fit.h.
#pragma once

#include "models/series/series_method.h"

namespace tensile {

const SeriesMethod& auto_forecast_method();

}  // namespace tensile
