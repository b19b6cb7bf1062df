// Method "ar": every series is forecast by a regression of its own on its own past,
//     d_t = c + sum over k in lags of a_k d_{t-k} + e_t,    d = values - baseline (series_baseline.h),
// fed back for further steps (Box & Jenkins 1970; ridge: Hoerl & Kennard 1970). What a model looks like - the cycle
// that the baseline removes, which lags, whether the equation is about differences from the last value, how strong the
// ridge - is chosen by forecasts of the validation span. All shapes of one series come from few Gram matrices
// (lag_gram.h).
#pragma once

#include "models/forecast/closed_form.h"

namespace tensile {

const ClosedForm& autoregression();

}  // namespace tensile
