// Method "linear": one linear map, shared by all series, from the last L values to the next H,
//     y - x_L = W^T (x - x_L) + b,    both of series less their baseline and in units of their standard deviation,
// the exact ridge solution of what NLinear (Zeng et al., AAAI 2023) trains by gradient steps. Look-back, ridge and the
// cycle that the baseline removes are those of the least squared error on the validation span; both spans enter as Gram
// matrices of their windows (lag_gram.h) only. Horizons beyond H are reached by feeding forecasts back.
#pragma once

#include "models/forecast/closed_form.h"

namespace tensile {

const ClosedForm& linear_map();

}  // namespace tensile
