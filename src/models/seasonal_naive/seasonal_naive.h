// Method seasonal_naive: what will be is what was at the same place of the last season. The yardstick of every other
// method; nothing is learned, so a model is its table alone.
#pragma once

#include "models/series/series_method.h"

namespace tensile {

const SeriesMethod& seasonal_naive_method();

}  // namespace tensile
