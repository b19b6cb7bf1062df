// Finding the step of a time axis from the distances between successive stamps of many series, also when stamps are
// missing or a few of them lie off the grid.
//
// The rule. The step is the most frequent distance if three of four distances are multiples of it. Otherwise it is the
// greatest common divisor of those distances which occur in one of twenty cases at least, so that gaps do no harm and
// neither do a few stamps that are off; at least half of all distances must be multiples of it. Where nearly all points
// are missing no distance is frequent: then it is the divisor of all. A divisor of less than an eighth of the most
// frequent distance means jitter: then the step is a customary length (minutes, hours, days that divide the next unit)
// close to the most frequent distance, or to the median one, or that distance itself.
//
// When at least half of all distances are whole months (same day and time of day, or both the last day of a month), the
// same rule finds the number of months; and when nearly all are months up to a few days (last working days), and no
// other step fits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>

#include "models/series/time_axis.h"

namespace tensile {

class StepInference {
  public:
    StepInference() = default;
    StepInference(const StepInference&) = delete;
    StepInference& operator=(const StepInference&) = delete;

    // Two successive stamps of one series, `earlier` < `later`.
    void add(Timestamp earlier, Timestamp later);
    // Nothing when no two stamps were added.
    std::optional<TimeStep> step() const;

  private:
    // Distances (months, or microseconds) and how often each occurred; of at most so many different ones, so that
    // memory is bounded when no two are alike.
    static constexpr std::size_t kMostDistances = 65536;
    class Histogram {
      public:
        void add(std::int64_t distance);
        std::int64_t total() const { return total_; }
        std::int64_t most_frequent() const;
        std::int64_t median() const;
        // The step of distances that gaps alone explain; nothing for others.
        std::optional<std::int64_t> regular_step() const;
        double share_of_multiples(std::int64_t divisor) const;

      private:
        // Of distances that occurred so often at least.
        std::int64_t common_divisor(std::int64_t least_count) const;

        std::unordered_map<std::int64_t, std::int64_t> counts_;
        std::int64_t total_ = 0;
        // Most distances equal the one before.
        std::int64_t last_ = 0;
        std::int64_t* last_count_ = nullptr;
    };

    Histogram microseconds_;  // of all pairs
    Histogram months_;        // of those that are whole months
    Histogram near_months_;   // of those that are months up to a few days
};

// The axis whose points most of `sample` lie on: its first point is the last one at or before `first`. Where no phase
// is shared by half of them, points fall on midnight, full hours or the first of months.
TimeAxis choose_axis(const TimeStep& step, Timestamp first, std::span<const Timestamp> sample);

}  // namespace tensile
