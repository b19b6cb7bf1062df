// Each series in units of its own: minus its mean, divided by its deviation, both of the part that is learned from, so
// that series of any size share one network. Knows no network.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/series/series_table.h"

namespace tensile {

struct SeriesScaling {
    std::vector<float> mean;       // [series]; 0 for a series without values
    std::vector<float> deviation;  // [series]; 1 for a series that is constant or has no values

    // From the present values of the first `steps` steps.
    static SeriesScaling fit(std::span<const float> values, std::int64_t series, std::int64_t steps);

    float scaled(std::int64_t one, float value) const {
        const auto at = static_cast<std::size_t>(one);
        return (value - mean[at]) / deviation[at];
    }
    float in_units(std::int64_t one, float scaled) const {
        const auto at = static_cast<std::size_t>(one);
        return scaled * deviation[at] + mean[at];
    }
};

}  // namespace tensile
