// Method "var": every series is forecast from its own past and from that of all series. Their deviations from the
// baseline, in units of their standard deviation, are summed up by K principal factors f_t = V^T z_t; each series has a
// ridge regression
//     z^s_{t+1} = c + sum_{k<p} a_k z^s_{t-k} + sum_{k<q} b_k^T f_{t-k},
// and all series are fed back together (factor-augmented vector autoregression; Stock & Watson 2002, J. Bus. Econ.
// Stat. 20; Bernanke, Boivin & Eliasz 2005). With K = the number of series it is the full vector autoregression of
// order q. Cycle, K and ridge are chosen on the validation span.
#pragma once

#include "models/forecast/closed_form.h"

namespace tensile {

const ClosedForm& vector_autoregression();

}  // namespace tensile
