// The series of a table as networks see them: scaled, one series after the other, gaps filled with the value before,
// and beside them what is known of each step: which cells are present, the calendar, covariates. Knows no network.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/forecast/calendar.h"
#include "models/forecast/series_scaling.h"
#include "models/series/series_table.h"

namespace tensile {

class WindowData {
  public:
    // Steps [first, table.steps) and room for `ahead` further ones, which are not present. `covariates` and
    // `covariate_scaling` have one entry a covariate of the model, of which `future` gives the further steps (or is
    // empty). A covariate that is not known counts as its mean.
    WindowData(const SeriesTable& table, const SeriesScaling& scaling, std::span<const CalendarCycle> cycles,
               std::span<const SeriesScaling> covariate_scaling, std::int64_t first, std::int64_t ahead,
               std::span<const Covariate> future);

    std::int64_t series() const { return series_; }
    std::int64_t steps() const { return steps_; }  // those ahead included

    // A gap holds the last value before it, or the first after it where there is none; 0 in a series without values.
    float value(std::int64_t one, std::int64_t step) const { return filled_[cell(one, step)]; }
    bool present(std::int64_t one, std::int64_t step) const {
        return present_.empty() || present_[cell(one, step)] != 0;
    }
    bool complete() const { return present_.empty(); }
    // Number of present cells of a series in [begin, end).
    std::int64_t present_count(std::int64_t one, std::int64_t begin, std::int64_t end) const;
    std::int32_t calendar_slot(std::size_t cycle, std::int64_t step) const {
        return slots_[cycle * static_cast<std::size_t>(steps_) + static_cast<std::size_t>(step)];
    }
    float covariate(std::size_t covariate, std::int64_t one, std::int64_t step) const {
        return covariates_[covariate][cell(one, step)];
    }

    // Takes an estimate for a cell that is not present; it stays marked as missing.
    void estimate(std::int64_t one, std::int64_t step, float scaled) { filled_[cell(one, step)] = scaled; }
    std::uint64_t bytes() const;

  private:
    std::size_t cell(std::int64_t one, std::int64_t step) const {
        return static_cast<std::size_t>(one * steps_ + step);
    }

    std::int64_t series_;
    std::int64_t steps_;
    std::vector<float> filled_;          // [series, steps]
    std::vector<std::uint8_t> present_;  // [series, steps]; empty: all are
    std::vector<std::int32_t> slots_;    // [cycles, steps]
    std::vector<std::vector<float>> covariates_;
};

}  // namespace tensile
