// Intervals around forecasts by split conformal prediction (Vovk, Gammerman, Shafer: "Algorithmic learning in a random
// world", 2005; of predicted quantiles: Romano, Patterson, Candes, NeurIPS 2019): how far the truth lay from the
// forecast on steps that were not learned from, for each step ahead of its own. Scores are scaled by series and pooled
// over all series. Knows no network.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tensile {

// Scores of one kind (absolute error, or distance outside of two predicted quantiles) by step.
class StepResiduals {
  public:
    explicit StepResiduals(std::int64_t horizon) : scores_(static_cast<std::size_t>(horizon)) {}
    void add(std::int64_t step, float score) { scores_[static_cast<std::size_t>(step)].push_back(score); }
    void clear();
    std::uint64_t bytes() const;
    // f[horizon, kConformalGrid]: of each step the scores that conformal intervals of level k / (kConformalGrid - 1)
    // take. A step without scores takes those of the step before it; NaN when there is none.
    std::vector<float> quantiles() const;

  private:
    std::vector<std::vector<float>> scores_;
};

inline constexpr std::int64_t kConformalGrid = 201;

// The score for intervals that hold a share of at least `level` of the values, from `quantiles` of StepResiduals, at
// step `step` ahead, from 0. Steps beyond those judged: that of the last, growing with the square root of the steps, as
// errors of a random walk do.
float conformal_score(std::span<const float> quantiles, std::int64_t step, double level);

}  // namespace tensile
