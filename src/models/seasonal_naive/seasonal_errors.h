// Intervals around repeated seasons, from how much a series changed over as many seasons in its own past.
//
// Ahead by k seasons the error is that of y[t] - y[t - k m], m being the season; the interval is that of its empirical
// quantiles with the ranks of conformal prediction, (n + 1) q, so that it covers new values of the same kind. Between
// two values the error is that of y[t] - (y[t - m] + y[t + m]) / 2, scaled as the variance of a bridge of random steps,
// a b / (a + b) for a value a steps behind one and b before the other.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tensile {

class SeasonalErrors {
  public:
    // `level` in (0, 1): the share of values that an interval shall hold.
    SeasonalErrors(std::int64_t season, double level) : season_(season), level_(level) {}

    // The series that the rest is about; must live as long.
    void read(std::span<const float> values);

    // Relative to the forecast: lower <= 0 <= upper, or both NaN when the series tells nothing.
    struct Interval {
        float lower;
        float upper;
    };
    Interval ahead(std::int64_t seasons);
    Interval between(std::int64_t steps_behind, std::int64_t steps_before);

  private:
    // Changes over more seasons are those over so many, growing like a random walk's: with the square root.
    static constexpr std::int64_t kMostSeasons = 8;
    Interval measured(std::int64_t seasons);
    Interval interval_of_errors();

    std::int64_t season_;
    double level_;
    std::span<const float> values_;
    std::array<std::optional<Interval>, kMostSeasons + 1> ahead_;  // by seasons
    std::optional<Interval> between_;
    std::vector<float> errors_;
};

}  // namespace tensile
