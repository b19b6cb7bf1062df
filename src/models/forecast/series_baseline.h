// What of a series is explained without its recent past: the usual value at each phase of a cycle, and effects of
// covariates that are known ahead. Methods model the rest. For one series; knows no method.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/forecast/series_panel.h"

namespace tensile {

// A cycle, and the shorter one within it (days of a week) that its profile leans on while it has been seen a few times
// only.
struct Cycle {
    std::int64_t period = 0;  // steps; 0: no profile
    std::int64_t inner = 0;   // divides the period; 0: none
    bool operator==(const Cycle&) const = default;
};

class SeriesBaseline {
  public:
    SeriesBaseline() = default;
    // From the first `steps` of a series. Profile: the mean of each phase, of the series freed of its linear trend, to
    // which one further cycle is added that looks like the mean inner cycle; a phase never seen counts as 0.
    // Covariates: a ridge regression of what is left on all covariates, contemporaneous, each centred; a covariate that
    // is not known at some step counts there as its mean.
    static SeriesBaseline fit(const SeriesPanel& panel, std::int64_t series, std::int64_t steps, Cycle cycle);
    // From what profile() and effects() returned.
    SeriesBaseline(std::span<const float> profile, std::span<const float> effects);

    double at(const SeriesPanel& panel, std::int64_t series, std::int64_t step) const;
    // The values of steps [begin, end) less at(); gaps stay NaN.
    std::vector<double> deviations(const SeriesPanel& panel, std::int64_t series, std::int64_t begin,
                                   std::int64_t end) const;

    std::span<const float> profile() const { return profile_; }
    // Of each covariate its mean and its coefficient; empty without covariates.
    std::span<const float> effects() const { return effects_; }

  private:
    std::vector<float> profile_;
    std::vector<float> effects_;
};

}  // namespace tensile
