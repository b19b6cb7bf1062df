// Takes the rows of a query, in any order, and keeps of each the number of its series, its time, value and covariates:
// some 16 bytes a row. Knows neither grid nor table; series_builder.h makes these of what is collected.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/series/chunked_array.h"
#include "models/series/key_column.h"
#include "models/series/series_options.h"

namespace tensile {

class SeriesCollector {
  public:
    // Positions in `columns` are those of the blocks that come.
    explicit SeriesCollector(SeriesColumns columns);

    // Throws Error 22004 (NULL key or time), 22008 (infinite time), 54000 (more than 2^32 - 1 rows).
    void append(const RawRows& rows);

    const SeriesColumns& columns() const { return columns_; }
    std::int64_t rows() const { return static_cast<std::int64_t>(time_.size()); }
    std::int64_t values_null() const { return values_null_; }
    std::uint64_t bytes() const;

    // Distinct combinations of keys in order of arrival, and their keys, by mode.
    std::size_t series() const { return columns_.modes.empty() ? 1 : combinations_.size(); }
    std::span<const KeyColumn> keys() const { return keys_; }
    std::uint32_t key_of(std::size_t series, std::size_t mode) const;

    // By row: NaN and infinity are kept as they came, NULL as NaN.
    const ChunkedArray<std::uint32_t>& series_of_row() const { return series_; }
    const ChunkedArray<Timestamp>& time() const { return time_; }
    ChunkedArray<Timestamp>& time() { return time_; }
    const ChunkedArray<float>& value() const { return value_; }
    const ChunkedArray<float>& covariate(std::size_t index) const { return covariates_[index]; }

  private:
    void append_series(const RawRows& rows);
    void append_times(const RawRows& rows);

    SeriesColumns columns_;
    std::vector<KeyColumn> keys_;
    TextDictionary combinations_;                         // the bytes of one id a mode
    std::vector<const std::vector<std::uint32_t>*> ids_;  // of the block at hand, by mode
    ChunkedArray<std::uint32_t> series_;
    ChunkedArray<Timestamp> time_;
    ChunkedArray<float> value_;
    std::vector<ChunkedArray<float>> covariates_;
    std::int64_t values_null_ = 0;
};

}  // namespace tensile
