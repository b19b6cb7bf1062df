// Where forecasts start that judge a method: evenly spaced origins within a span of time, each with the whole horizon
// before the end of the span (Tashman 2000, Int. J. of Forecasting 16). Knows no method.
#pragma once

#include <cstdint>
#include <vector>

#include "models/forecast/closed_form.h"
#include "models/series/series_method.h"

namespace tensile {

// At most `most` origins in [begin, end - horizon], both ends among them; `begin` alone when the span is no longer.
std::vector<std::int64_t> rolling_origins(std::int64_t begin, std::int64_t end, std::int64_t horizon,
                                          std::int64_t most);

// How `steps` steps are split by the shared settings: the last share of them validates, but at least one horizon where
// half of the steps remain to learn from. Throws Error 22023 for fewer than three steps.
ValidationPlan validation_plan(std::int64_t steps, const SeriesSettings& settings, std::int64_t most_origins);

}  // namespace tensile
