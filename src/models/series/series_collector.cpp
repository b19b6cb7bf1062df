// See series_collector.h.
#include "models/series/series_collector.h"

#include <cstring>
#include <limits>

#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kNullValueNotAllowed = "22004";
constexpr std::string_view kDatetimeFieldOverflow = "22008";
constexpr std::size_t kMostRows = std::numeric_limits<std::uint32_t>::max();
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

template <typename T>
void append_numbers(const RawColumn& column, std::int64_t count, ChunkedArray<float>& out) {
    const T* values = column.as<T>();
    for (std::int64_t row = 0; row < count; ++row)
        out.push_back(column.is_null(row) ? kMissing : static_cast<float>(values[row]));
}

void append_numbers(const RawColumn& column, std::int64_t count, const std::string& name, ChunkedArray<float>& out) {
    switch (column.type) {
    case RawType::kF32:
        return append_numbers<float>(column, count, out);
    case RawType::kF64:
        return append_numbers<double>(column, count, out);
    case RawType::kI32:
        return append_numbers<std::int32_t>(column, count, out);
    case RawType::kI64:
        return append_numbers<std::int64_t>(column, count, out);
    case RawType::kBool:
        return append_numbers<std::uint8_t>(column, count, out);
    default:
        throw InternalError("column \"" + name + "\" was taken for a number");
    }
}

}  // namespace

SeriesCollector::SeriesCollector(SeriesColumns columns) : columns_(std::move(columns)) {
    for (const SeriesColumns::Column& mode : columns_.modes)
        keys_.emplace_back(mode.description.name, "key column \"" + mode.description.name + "\"");
    covariates_.resize(columns_.covariates.size());
}

void SeriesCollector::append(const RawRows& rows) {
    if (time_.size() + static_cast<std::size_t>(rows.count) > kMostRows)
        throw Error(sqlstate::kProgramLimitExceeded, "query returns too many rows",
                    "At most 4294967295 rows can be used.");
    append_series(rows);
    append_times(rows);
    const RawColumn& value = rows.columns[static_cast<std::size_t>(columns_.value.position)];
    append_numbers(value, rows.count, columns_.value.description.name, value_);
    if (value.nulls != nullptr)
        for (std::int64_t row = 0; row < rows.count; ++row)
            values_null_ += value.nulls[row] != 0 ? 1 : 0;
    for (std::size_t i = 0; i < covariates_.size(); ++i)
        append_numbers(rows.columns[static_cast<std::size_t>(columns_.covariates[i].position)], rows.count,
                       columns_.covariates[i].description.name, covariates_[i]);
}

void SeriesCollector::append_series(const RawRows& rows) {
    const std::size_t modes = keys_.size();
    ids_.clear();
    for (std::size_t mode = 0; mode < modes; ++mode)
        ids_.push_back(&keys_[mode].add(rows, rows.columns[static_cast<std::size_t>(columns_.modes[mode].position)]));
    std::vector<std::uint32_t> ids(modes);
    std::uint32_t series = 0;
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows.count); ++row) {
        bool changed = row == 0;
        for (std::size_t mode = 0; mode < modes; ++mode) {
            const std::uint32_t id = (*ids_[mode])[row];
            changed = changed || id != ids[mode];
            ids[mode] = id;
        }
        if (changed && modes > 0)
            series = combinations_.add({reinterpret_cast<const char*>(ids.data()), modes * sizeof(std::uint32_t)});
        series_.push_back(series);
    }
}

void SeriesCollector::append_times(const RawRows& rows) {
    const RawColumn& column = rows.columns[static_cast<std::size_t>(columns_.time.position)];
    const Timestamp* times = column.as<Timestamp>();
    const std::string& name = columns_.time.description.name;
    for (std::int64_t row = 0; row < rows.count; ++row) {
        if (column.is_null(row))
            throw Error(kNullValueNotAllowed, "time column \"" + name + "\" is NULL in a row",
                        "A value without its time has no place in a series.",
                        "Leave such rows out, as in WHERE " + name + " IS NOT NULL.");
        if (times[row] == std::numeric_limits<Timestamp>::min() || times[row] == std::numeric_limits<Timestamp>::max())
            throw Error(kDatetimeFieldOverflow, "time column \"" + name + "\" is infinite in a row",
                        "A point in time must be finite.", "Leave such rows out, as in WHERE isfinite(" + name + ").");
        time_.push_back(times[row]);
    }
}

std::uint32_t SeriesCollector::key_of(std::size_t series, std::size_t mode) const {
    std::uint32_t id = 0;
    const std::string_view ids = combinations_.text(static_cast<std::uint32_t>(series));
    std::memcpy(&id, ids.data() + mode * sizeof id, sizeof id);
    return id;
}

std::uint64_t SeriesCollector::bytes() const {
    std::uint64_t bytes = combinations_.bytes() + series_.bytes() + time_.bytes() + value_.bytes();
    for (const KeyColumn& key : keys_)
        bytes += key.bytes();
    for (const ChunkedArray<float>& covariate : covariates_)
        bytes += covariate.bytes();
    return bytes;
}

}  // namespace tensile
