// The forecasts that every other one must beat: the value of a season ago, the last value, and the last value with the
// mean slope of the history (Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 5.2).
#pragma once

#include "models/forecast/closed_form.h"

namespace tensile {

const ClosedForm& seasonal_naive();  // of a missing value: the latest observed one of that phase
const ClosedForm& naive();
const ClosedForm& drift();

}  // namespace tensile
