// One of several alternatives for each of many series, from the errors of few forecasts of each. A series' own errors
// say little and those of all series may not fit it, so both count; how much is found by choosing from one half of the
// forecasts and judging by the other. Knows no method.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace tensile {

// Mean errors in two halves of the validation span, of every series and alternative; infinite where there is none.
class ChoiceErrors {
  public:
    ChoiceErrors(std::int64_t series, std::int64_t alternatives)
        : series_(static_cast<std::size_t>(series)),
          alternatives_(static_cast<std::size_t>(alternatives)),
          values_(series_ * alternatives_ * 2, std::numeric_limits<float>::infinity()) {}

    std::size_t series() const { return series_; }
    std::size_t alternatives() const { return alternatives_; }
    void set(std::int64_t series, std::int64_t alternative, std::span<const float, 2> halves);
    // Of half 0 or 1, or the mean of both (2).
    float at(std::size_t series, std::size_t alternative, int half) const {
        const float* own = values_.data() + (series * alternatives_ + alternative) * 2;
        return half < 2 ? own[half] : (own[0] + own[1]) / 2;
    }

  private:
    std::size_t series_;
    std::size_t alternatives_;
    std::vector<float> values_;  // [series, alternatives, 2]
};

// Collects the absolute or squared errors of one series' forecasts from ascending origins.
class HalvedError {
  public:
    explicit HalvedError(std::size_t origins) : origins_(origins) {}
    void add(std::size_t origin, double error) {
        const std::size_t half = 2 * origin < origins_ ? 0 : 1;
        sums_[half] += error;
        counts_[half] += 1;
    }
    // The means by half; a half without errors says what the other does, and both are infinite when there is none.
    std::array<float, 2> halves() const;

  private:
    std::size_t origins_;
    std::array<double, 2> sums_ = {};
    std::array<double, 2> counts_ = {};
};

struct PooledChoice {
    std::vector<std::int32_t> chosen;  // by series; -1: none of the alternatives has an error anywhere
    double pooling = 0;
    // How much greater errors are on the half that did not choose than on one that did, at least 1: what residuals of
    // the validation span must be multiplied by because it has chosen.
    double optimism = 1;
};

// The alternative of a series is the one with the least sum of its error relative to the series' best, and `pooling`
// times the mean of that over all series; a negative `pooling` is chosen as described above. A series without errors
// takes what is best for the others.
PooledChoice choose_for_each(const ChoiceErrors& errors, double pooling);

}  // namespace tensile
