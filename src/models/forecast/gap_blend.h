// The blend of several estimates of missing cells, and how far it may be off: ridge regressions fitted on cells whose
// values were hidden from the estimates. Knows nothing of how the estimates were made.
//
// Everything here is in units of the standardised table (gap_table.h); errors of a series are weighed by 1 / its noise,
// so that no series outweighs the others by its unit.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tensile {

// What is known of one set of cells, hidden or missing.
struct GapCells {
    std::int64_t candidates = 0;      // columns of `features` that are estimates; further ones are corrections to try
    std::int64_t width = 0;           // columns of `features`
    std::vector<std::int64_t> cells;  // step * series + series
    std::vector<float> features;      // [cells, width]
    std::vector<float> noise;         // [cells]: usual size of an error in the cell's series, positive
    std::vector<std::int32_t> distance;  // [cells]: steps to the nearest observed cell
    std::vector<float> height;           // [cells]: lowest observed value of the series, <= 0

    std::int64_t size() const { return static_cast<std::int64_t>(cells.size()); }
    std::span<const float> row(std::int64_t i) const { return std::span(features).subspan(i * width, width); }
};

// Weights of candidates and corrections, of one set for each class of distance.
class GapBlend {
  public:
    // `truth` [cells]; cells whose `part` is `left_out` are not learned from. The candidate with the least error is the
    // reference, to whose differences the others and the corrections are weighted; `ridge` draws these weights to 0.
    static GapBlend fit(const GapCells& cells, std::span<const float> truth, std::span<const std::uint8_t> part,
                        std::uint8_t left_out, double ridge);
    // Only interpolation, for want of cells to learn from.
    static GapBlend interpolation(std::int64_t width);
    float estimate(const GapCells& cells, std::int64_t i) const;

  private:
    static constexpr int kClasses = 4;
    static int distance_class(std::int32_t distance);
    // Candidates minus the reference, corrections as they are.
    void differences(const GapCells& cells, std::int64_t i, std::span<double> out) const;

    std::int64_t reference_ = 0;
    std::int64_t width_ = 0;
    std::vector<double> weights_;  // [classes, width]
};

// The expected size of the error of a blend's estimate, and the factor on it that covers the wanted share of errors
// (split conformal prediction with a local scale: Lei et al., "Distribution-free predictive inference for regression",
// JASA 2018).
class GapIntervals {
  public:
    // `estimates` and `truth` [cells]: of cells that the estimates were not fitted on.
    static GapIntervals fit(const GapCells& cells, std::span<const float> estimates, std::span<const float> truth,
                            double level);
    // Half the width of the interval about `estimate`.
    float half_width(const GapCells& cells, std::int64_t i, float estimate) const;

  private:
    static constexpr int kTraits = 7;
    static std::array<double, kTraits> traits(const GapCells& cells, std::int64_t i, float estimate);
    double scale(const GapCells& cells, std::int64_t i, float estimate) const;

    std::vector<double> weights_;  // of the traits, for the logarithm of error / noise; empty: all 1
    double factor_ = 0.0;
};

}  // namespace tensile
