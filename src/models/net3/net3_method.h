// Method net3: a tensor of series forecast by a network of graph convolution, Tucker compression and a tensor LSTM
// (net3_network.h).
#pragma once

#include "models/series/series_method.h"

namespace tensile {

const SeriesMethod& net3_method();

}  // namespace tensile
