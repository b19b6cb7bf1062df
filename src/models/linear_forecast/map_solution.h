// The equations of the linear map (linear_map.h): series scaled to one unit, the ridge solution of a part, the mean of
// parts, and the choice of parts by their errors on the validation span. Knows no model.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "models/forecast/lag_gram.h"
#include "models/forecast/ridge_solver.h"
#include "models/forecast/series_baseline.h"

namespace tensile {

// One ridge solution.
struct MapPart {
    std::int64_t look_back = 1;
    bool intercept = true;  // b; without it no drift is learned
    double lambda = 0;
};

// What the map is: the mean of some ridge solutions, which is a linear map again, as long as the longest of them.
struct MapShape {
    Cycle cycle;
    std::int64_t horizon = 1;
    std::vector<MapPart> parts;  // none: the last value is repeated
    std::int64_t look_back() const {
        std::int64_t longest = 1;
        for (const MapPart& part : parts)
            longest = std::max(longest, part.look_back);
        return longest;
    }
};

// Every series less its baseline, centred and in units of its deviation.
struct ScaledSeries {
    std::vector<SeriesBaseline> baselines;
    std::vector<float> scales;                // standard deviations; 0: constant, not learned from
    std::vector<std::vector<double>> values;  // of the steps asked for, gaps NaN
};

// `fit_steps` are what baselines, means and deviations are taken from, `steps` what is returned.
ScaledSeries scaled_series(const SeriesPanel& panel, std::int64_t fit_steps, std::int64_t steps, const Cycle& cycle,
                           const std::atomic<bool>* stop);

// Gaps longer than this break the runs that windows are taken from, unless that would lose more than half of the
// windows of this length within the first `steps`: then all gaps are bridged, and so many steps are returned.
std::int64_t bridged_gap(const ScaledSeries& scaled, std::int64_t steps, std::int64_t window);

// The Gram matrix of all windows within [begin, end) of all series.
LagGram gram_of(const ScaledSeries& scaled, std::int64_t begin, std::int64_t end, std::int64_t window,
                std::int64_t bridged, const std::atomic<bool>* stop);

// The moments that a map of this look-back needs, of windows that end as those of `gram` do: inputs less the last
// value, then outputs less it.
WindowMoments moments_for(const LagGram& gram, std::int64_t look_back, std::int64_t horizon);

struct MapCoefficients {
    std::vector<double> weights;  // [look_back - 1, horizon]
    std::vector<double> bias;     // [horizon]
};

// `moments` are those of moments_for(), about zero when the part has no intercept. Nothing when the system is singular.
std::optional<MapCoefficients> solve(const WindowMoments& moments, const MapPart& part, RidgeSolver& solver);

// The mean of maps [look_back - 1, horizon] of several look-backs, as one of the longest. Stored as floats, so they are
// floats from the start: a loaded model forecasts the same bits.
MapCoefficients mean_of(std::span<const MapCoefficients* const> maps, std::int64_t look_back);

// The windows of the validation span, in two halves where it is long enough.
struct JudgedWindows {
    std::vector<LagGram> halves;

    // Windows whose outputs lie in [begin, end); `look_back` is the longest one tried.
    JudgedWindows(const ScaledSeries& scaled, std::int64_t begin, std::int64_t end, std::int64_t look_back,
                  std::int64_t horizon, std::int64_t bridged, const std::atomic<bool>* stop);
    bool empty() const { return halves.front().count() == 0; }
    std::vector<WindowMoments> moments(std::int64_t look_back, std::int64_t horizon) const;
};

// Squared errors by half.
struct MapError {
    std::vector<double> halves = {std::numeric_limits<double>::infinity()};

    double total() const { return std::accumulate(halves.begin(), halves.end(), 0.0); }
    // What makes a map less simple must be better in every half: the windows of a span overlap, so a better mean alone
    // may be chance.
    bool better_throughout(const MapError& simpler) const {
        if (!std::isfinite(simpler.total())) return std::isfinite(total());
        for (std::size_t half = 0; half < halves.size(); ++half)
            if (!(halves[half] < simpler.halves[half])) return false;
        return true;
    }
};

struct PartSelection {
    std::vector<MapPart> parts;
    MapError error;
};

// For each look-back the ridge of the least error on the judged windows, with an intercept only where that is better
// throughout; of these solutions the best, and as many others, one after the other, as still improve the mean (Caruana
// et al. 2004, Ensemble selection from libraries of models).
PartSelection select_parts(const LagGram& learned, const JudgedWindows& judged,
                           std::span<const std::int64_t> look_backs, std::span<const double> ridges,
                           std::int64_t horizon, const std::atomic<bool>* stop);

}  // namespace tensile
