// The values of a table of series as imputation works on them: each series with mean 0 and standard deviation 1, gaps
// as NaN; and the few passes over time that every estimate needs. Knows nothing of models or of units.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "models/series/series_table.h"

namespace tensile {

struct GapTable {
    std::int64_t steps = 0;
    std::int64_t series = 0;
    std::vector<float> values;           // [steps, series], standardised; NaN: missing
    std::vector<double> mean;            // [series]
    std::vector<double> scale;           // [series]: standard deviation; 1 for a constant series
    std::vector<std::uint8_t> constant;  // [series]: all observed values are equal
    std::vector<std::int64_t> first;     // [series]: first observed step; `steps` without any
    std::vector<std::int64_t> last;      // [series]: last observed step; -1 without any
    bool nonnegative = true;             // no observed value is below zero

    float restored(float value, std::int64_t one) const {
        constexpr double kMost = std::numeric_limits<float>::max();
        return static_cast<float>(std::clamp(mean[one] + scale[one] * static_cast<double>(value), -kMost, kMost));
    }
};

// Throws Error 22023 for infinite values.
GapTable standardize(const SeriesTable& table);

// Linear between the observed neighbours of a gap, constant beyond the first and last; 0 for a series without values.
// [steps, series].
std::vector<float> interpolate(const GapTable& table);

// Steps to the nearest observed cell of the same series, 0 for an observed one; kFarAway without any.
inline constexpr std::int32_t kFarAway = 1 << 30;
std::vector<std::int32_t> gap_distances(const GapTable& table);

// Mean error of `estimate` in the neighbourhood of every cell: errors at observed cells (value - estimate) weighted by
// decay^(distance - 1), the cell's own left out, drawn towards 0 where the weights are small. [steps, series].
std::vector<float> smoothed_errors(const GapTable& table, std::span<const float> estimate, float decay);

}  // namespace tensile
