// The forecasting methods whose models are networks on windows of single series: dlinear, nlinear, stid and
// patch_transformer.
#pragma once

#include <span>

#include "models/series/series_method.h"

namespace tensile {

std::span<const SeriesMethod* const> window_network_methods();

}  // namespace tensile
