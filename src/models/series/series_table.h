// Many time series on one time axis, each named by one key of every mode (station, pollutant): the data that every
// forecasting method learns from and forecasts from. Plain data; knows neither rows of a query nor methods.
//
// Values are f32 [steps, series], row-major, so that the values of one point in time lie side by side; NaN is a missing
// cell. In a dense table the series are the product of the modes' keys, the last mode's fastest, some of which may have
// no value at all; in others only combinations that occurred are there.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "models/series/time_axis.h"

namespace tensile {

// Cells of all values and covariates of one table together: 8 GiB.
inline constexpr std::int64_t kMostSeriesCells = std::int64_t{1} << 31;

struct SeriesMode {
    std::string name;               // of the column
    std::vector<std::string> keys;  // distinct, ascending in bytes

    bool operator==(const SeriesMode&) const = default;
};

// Known also for the future (a holiday, a price list); NaN where it is not known.
struct Covariate {
    std::string name;
    std::vector<float> values;  // [steps, series]
};

// A weighted graph over the keys of one mode, as it was given: directed edges, duplicates merged by their last weight.
struct ModeGraph {
    int mode = 0;
    struct Edge {
        std::int32_t from;
        std::int32_t to;
        float weight;
    };
    std::vector<Edge> edges;
};

struct SeriesTable {
    TimeAxis axis;
    std::int64_t steps = 0;
    std::vector<SeriesMode> modes;
    std::vector<std::int32_t> keys;  // [series, modes]: positions in modes[m].keys
    std::vector<float> values;       // [steps, series]
    std::vector<Covariate> covariates;
    std::vector<ModeGraph> graphs;

    std::int64_t series() const { return modes.empty() ? 1 : static_cast<std::int64_t>(keys.size() / modes.size()); }
    const float* at(std::int64_t step) const { return values.data() + step * series(); }
    std::span<const std::int32_t> keys_of(std::int64_t one) const {
        return std::span(keys).subspan(static_cast<std::size_t>(one) * modes.size(), modes.size());
    }
    std::uint64_t bytes() const;
};

// How many series a dense table with these modes has (the greatest integer when they are more than that), and their
// keys.
std::int64_t product_of_keys(std::span<const SeriesMode> modes);
std::vector<std::int32_t> product_keys(std::span<const SeriesMode> modes);

// The same with the product of all keys as its series. Throws Error 54000 when that would be more than `most_cells`
// cells.
SeriesTable dense(const SeriesTable& table, std::int64_t most_cells);

// "station=Aotizhongxin, pollutant=NO2": how messages name a series; empty for the only series of a table without
// modes.
std::string describe_series(const SeriesTable& table, std::int64_t series);

// Calls visit(series, values) for each series in order, `values` being its values side by side. Throws Error
// 57014 soon after `stop` is set.
void for_each_series(const SeriesTable& table, const std::atomic<bool>* stop,
                     const std::function<void(std::int64_t series, std::span<const float> values)>& visit);

// The first `steps` points in time only (covariates and graphs as they are, cut likewise).
SeriesTable first_steps(const SeriesTable& table, std::int64_t steps);

}  // namespace tensile
