// DLinear and NLinear (Zeng, Chen, Zhang, Xu: "Are transformers effective for time series forecasting?", AAAI 2023,
// arXiv 2205.13504): linear maps from the look-back of a series to the steps ahead, shared by all series. Their losses
// are convex, so training begins at 0 and not at random: what the windows never show then has no weight.
#pragma once

#include <memory>

#include "models/window_networks/series_network.h"

namespace tensile {

// y = trend W_t + (x - trend) W_s + b, trend = moving average of x over `moving_average` steps (odd), the window
// continued by its first and last value. Both maps lie in one matrix [2 L, outputs].
std::unique_ptr<SeriesNetwork> make_dlinear(const NetworkShape& shape, std::int64_t moving_average);

// y = x W + b.
std::unique_ptr<SeriesNetwork> make_nlinear(const NetworkShape& shape);

}  // namespace tensile
