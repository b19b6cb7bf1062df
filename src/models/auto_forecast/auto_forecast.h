// The closed form "auto_forecast": several closed forms are fitted before the validation span and judged on it; every
// series is then forecast by the one that its own errors and those of all series speak for (pooled_choice.h), or all by
// the one that is best over all. The scores of every candidate come back with the training's metrics, one task each.
// Knows no networks: auto_forecast_method.h lets them compete with it.
#pragma once

#include <span>

#include "models/forecast/closed_form.h"

namespace tensile {

// Option "candidates" must name some of closed_form_candidates().
const ClosedForm& auto_forecast();
std::span<const ClosedForm* const> closed_form_candidates();

}  // namespace tensile
