// The shapes of an autoregression that are tried: which cycle the baseline removes, which lags, which ridge. Knows no
// values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/forecast/series_baseline.h"
#include "models/options.h"
#include "models/series/series_method.h"

namespace tensile {

struct LagShape {
    Cycle cycle;
    std::vector<std::int64_t> lags;  // ascending
    // The equation is about differences from the last value (lag 1), so that the ridge draws it towards no change
    // rather than towards the mean.
    bool differenced = false;
    // One lag whose value is repeated: nothing is learned.
    bool persistence = false;
    bool far = false;   // lags beyond the second season
    double lambda = 0;  // in units of the mean variance of the regressors

    bool same_equation(const LagShape& other) const {
        return lags == other.lags && differenced == other.differenced && far == other.far;
    }
    std::int64_t reach() const { return std::max(lags.back(), cycle.period); }
    // Observed steps that a series must exceed.
    std::int64_t least_steps() const;
    nlohmann::ordered_json to_json() const;
    static LagShape from_json(const nlohmann::ordered_json& json);
};

// All shapes worth trying for `steps` steps to learn from, those of one cycle side by side; the last two repeat the
// value of a season ago (if there is one) and the last value. `lags`: these only; empty: sets made from the seasons.
// Cycles of period 1 are none.
std::vector<LagShape> lag_shapes(std::int64_t season, std::int64_t long_season, std::int64_t steps,
                                 std::span<const std::int64_t> lags);

// The option long_season resolved: 1 when there is none.
std::int64_t long_season(const Options& options, const SeriesSettings& settings, const TimeStep& step);

}  // namespace tensile
