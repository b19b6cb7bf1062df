// Split-conformal prediction intervals: how wide they must be so that the wanted share of values falls inside, from
// residuals of forecasts of a span that was not learned from (Vovk, Gammerman & Shafer 2005; Lei et al. 2018, J. Am.
// Stat. Assoc. 113).
//
// Every series s has a scale, its mean absolute residual u_s; the scores |residual| / u_s of all series are pooled by
// step ahead h (locally weighted conformal, Lei et al. 5.2), and the half-width is u_s times the ceil((n + 1) level)-th
// smallest of the n scores of that step. With few scores of a step those of the nearest steps join. A series without
// residuals takes the median of u_s / spread_s of the others times its own spread. Beyond the last calibrated step H
// half-widths go on as (h / H)^g, where g in [0, 1/2] is the growth seen between H / 2 and H. Knows no method.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "models/forecast/weight_bytes.h"

namespace tensile {

class ConformalIntervals {
  public:
    // Collects residuals, one series after the other.
    class Calibration {
      public:
        Calibration(std::int64_t series, std::int64_t horizon);
        // `residuals` [origins, horizon] are truth less forecast, NaN where either is missing; `spread` is the usual
        // size of the series' values about their level.
        void add(std::int64_t series, std::span<const float> residuals, double spread);

      private:
        friend class ConformalIntervals;
        std::int64_t horizon_;
        std::vector<float> scales_;   // [series], NaN: no residuals
        std::vector<float> spreads_;  // [series]
        // A sample of the scores of one step: those whose numbers, counted over all, have the least hashes.
        struct Sample {
            std::uint64_t offered = 0;
            std::vector<std::pair<std::uint64_t, float>> kept;
        };
        std::vector<Sample> samples_;  // by step
    };

    ConformalIntervals() = default;
    explicit ConformalIntervals(Calibration calibration);

    // Half the width of the interval of `level` for steps 1 ... horizon ahead, in units of scale(series).
    std::vector<double> relative_widths(std::int64_t horizon, double level) const;
    double scale(std::int64_t series) const { return scales_[static_cast<std::size_t>(series)]; }
    std::int64_t horizon() const { return static_cast<std::int64_t>(counts_.size()); }

    void save(WeightWriter& weights) const;
    static ConformalIntervals load(WeightReader& weights);
    std::uint64_t bytes() const;

  private:
    void index();
    double score(std::int64_t step, double level) const;

    std::vector<float> scales_;          // [series]
    std::vector<std::uint32_t> counts_;  // by step: scores kept
    std::vector<float> scores_;          // those of step 1 ascending, of step 2, ...
    std::vector<std::uint64_t> begins_;  // by step, into scores_; one more
};

}  // namespace tensile
