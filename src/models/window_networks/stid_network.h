// STID (Shao, Zhang, Wang, Xu: "Spatial-temporal identity", CIKM 2022, arXiv 2208.05233): a perceptron over the
// look-back of a series beside learned vectors for who the series is and where in the calendar the origin lies.
//
//   h = [past, present cells, covariates ahead] W + b | E_series | E_cycle of each cycle of the calendar
//   for each layer: h = h + W_2 dropout(relu(h W_1 + b_1)) + b_2
//   y = h W_out + b_out
// Present cells are an input when the table has missing ones, covariates when it has some.
#pragma once

#include <memory>

#include "models/window_networks/series_network.h"

namespace tensile {

struct StidOptions {
    std::int64_t width = 32;  // of the projected look-back, and of each embedding
    std::int64_t layers = 3;
    double dropout = 0.15;
};

std::unique_ptr<SeriesNetwork> make_stid(const NetworkShape& shape, const StidOptions& options);

}  // namespace tensile
