// Options of method net3 besides those that every forecasting method shares, and the architecture that they ask for.
#pragma once

#include <span>

#include "models/forecast/window_training.h"
#include "models/net3/net3_architecture.h"
#include "models/net3/net3_table.h"
#include "models/options.h"
#include "models/series/series_table.h"

namespace tensile {

std::span<const OptionDeclaration> net3_option_declarations();

// Sizes and choices for a table; `windows` is the number of windows to train on. Graphs that are not given are made
// from correlations over the first `training_steps` of `values` if the options say so. Throws Error 22023 for terms
// that name no mode of the table, 54000 for a mode with more places than a dense matrix of it may have.
Net3Architecture net3_architecture(const Options& options, const SeriesTable& table, const Net3Table& values,
                                   std::int64_t training_steps, std::int64_t windows, const std::atomic<bool>* stop);

}  // namespace tensile
