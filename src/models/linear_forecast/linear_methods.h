// The closed forms that can be asked for by name, as forecasting methods.
#pragma once

#include "models/series/series_method.h"

namespace tensile {

const SeriesMethod& linear_method();                 // linear_map.h
const SeriesMethod& autoregression_method();         // autoregression.h
const SeriesMethod& vector_autoregression_method();  // vector_autoregression.h

}  // namespace tensile
