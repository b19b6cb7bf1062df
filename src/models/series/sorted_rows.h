// The collected rows in the order of series and time, and placed on a grid. Finds what is irregular about them. Knows
// no table.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/series/series_collector.h"

namespace tensile {

class SortedRows {
  public:
    // Throws Error 57014 when `stop` is set meanwhile, here and below.
    SortedRows(SeriesCollector rows, const std::atomic<bool>* stop);

    // From distances within series; when no series has two different times, from those of all rows.
    std::optional<TimeStep> infer_step() const;
    // The axis with that step which suits the rows.
    TimeAxis axis_for(const TimeStep& step) const;
    Timestamp earliest() const { return earliest_; }
    Timestamp latest() const { return latest_; }

    // Replaces times by positions on `axis`. Returns how many were moved. Throws Error 22023 for a time between two
    // points unless `rule` moves it.
    std::int64_t place(const TimeAxis& axis, IrregularRule rule);
    // After place(): rows beyond the first of each cell. Throws Error 21000 when there are any and `rule` says so.
    std::int64_t count_duplicates(const TimeAxis& axis, DuplicateRule rule) const;

    // A group of rows of the collector's series `series` at `step`, in the order in which they came.
    struct Cell {
        std::uint32_t series;
        std::int64_t step;
        std::span<const std::uint32_t> rows;
    };
    // After place(): calls visit(cell) for all of them, series by series and by ascending step.
    template <typename Visit>
    void for_each_cell(Visit visit) const;

    const SeriesCollector& rows() const { return rows_; }
    // "station=a, pollutant=NO2"; empty without modes.
    std::string describe(std::uint32_t series) const;

  private:
    void sort_by_series();
    void sort_by_time();
    std::span<const std::uint32_t> rows_of(std::size_t series) const {
        return std::span(order_).subspan(begins_[series], begins_[series + 1] - begins_[series]);
    }
    Timestamp time_of(std::uint32_t row) const { return rows_.time()[row]; }
    std::string where(std::uint32_t series, Timestamp time) const;

    SeriesCollector rows_;
    const std::atomic<bool>* stop_;
    std::vector<std::uint32_t> order_;  // row numbers by series, then time
    std::vector<std::size_t> begins_;   // of each series in order_
    Timestamp earliest_ = 0;
    Timestamp latest_ = 0;
};

template <typename Visit>
void SortedRows::for_each_cell(Visit visit) const {
    for (std::size_t series = 0; series + 1 < begins_.size(); ++series) {
        const std::span<const std::uint32_t> rows = rows_of(series);
        for (std::size_t begin = 0; begin < rows.size();) {
            const std::int64_t step = time_of(rows[begin]);
            std::size_t end = begin + 1;
            while (end < rows.size() && time_of(rows[end]) == step)
                ++end;
            visit(Cell{static_cast<std::uint32_t>(series), step, rows.subspan(begin, end - begin)});
            begin = end;
        }
    }
}

}  // namespace tensile
