// Missing cells by a straight line between their neighbours in time: what methods offer that have nothing better. Knows no
// method.
#pragma once

#include <atomic>
#include <functional>

#include "models/series/series_method.h"

namespace tensile {

// Every missing cell between the first and the last observed point of its series. `half_width` is the interval's at one step from
// an observed value; within a gap it grows with the square root of the distance to the nearer end, as a random walk tied to both
// ends does at most.
Imputation interpolate_gaps(const SeriesTable& table, const std::function<double(std::int64_t series)>& half_width,
                            const std::atomic<bool>* stop);

}  // namespace tensile
