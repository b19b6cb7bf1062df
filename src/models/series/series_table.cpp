// See series_table.h.
#include "models/series/series_table.h"

#include <algorithm>
#include <limits>

#include "models/stop.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Copies columns of a [steps, series] matrix to other positions; the rest is NaN.
std::vector<float> spread(std::span<const float> values, std::int64_t steps, std::span<const std::int64_t> to,
                          std::int64_t width) {
    std::vector<float> result(static_cast<std::size_t>(steps * width), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t step = 0; step < steps; ++step) {
        const float* from = values.data() + step * static_cast<std::int64_t>(to.size());
        float* row = result.data() + step * width;
        for (std::size_t i = 0; i < to.size(); ++i)
            row[to[i]] = from[i];
    }
    return result;
}

}  // namespace

std::uint64_t SeriesTable::bytes() const {
    std::uint64_t bytes = values.capacity() * sizeof(float) + keys.capacity() * sizeof(std::int32_t);
    for (const Covariate& covariate : covariates)
        bytes += covariate.values.capacity() * sizeof(float);
    for (const SeriesMode& mode : modes) {
        bytes += mode.keys.capacity() * sizeof(std::string);
        for (const std::string& key : mode.keys)
            if (key.capacity() >= sizeof(std::string) / 2) bytes += key.capacity();
    }
    for (const ModeGraph& graph : graphs)
        bytes += graph.edges.capacity() * sizeof(ModeGraph::Edge);
    return bytes;
}

std::int64_t product_of_keys(std::span<const SeriesMode> modes) {
    std::int64_t product = 1;
    for (const SeriesMode& mode : modes)
        if (__builtin_mul_overflow(product, static_cast<std::int64_t>(mode.keys.size()), &product))
            return std::numeric_limits<std::int64_t>::max();
    return product;
}

std::vector<std::int32_t> product_keys(std::span<const SeriesMode> modes) {
    const std::int64_t series = product_of_keys(modes);
    std::vector<std::int32_t> keys;
    keys.reserve(static_cast<std::size_t>(series) * modes.size());
    std::vector<std::int32_t> current(modes.size(), 0);
    for (std::int64_t i = 0; i < series; ++i) {
        keys.insert(keys.end(), current.begin(), current.end());
        for (std::size_t mode = modes.size(); mode-- > 0;) {
            if (++current[mode] < static_cast<std::int32_t>(modes[mode].keys.size())) break;
            current[mode] = 0;
        }
    }
    return keys;
}

SeriesTable dense(const SeriesTable& table, std::int64_t most_cells) {
    const std::int64_t width = product_of_keys(table.modes);
    if (width == table.series()) return table;
    if (width > most_cells / std::max<std::int64_t>(1, table.steps)) {
        std::string factors;
        for (const SeriesMode& mode : table.modes)
            factors += (factors.empty() ? "" : " x ") + std::to_string(mode.keys.size());
        throw Error(sqlstate::kProgramLimitExceeded, "product of the keys of all modes is too large",
                    "The modes have " + factors + " keys and there are " + std::to_string(table.steps) +
                        " points in time, which is more than " + std::to_string(most_cells) + " cells.",
                    "Use fewer keys, a longer step, or a method that treats series one by one.");
    }
    std::vector<std::int64_t> positions;
    for (std::int64_t series = 0; series < table.series(); ++series) {
        std::int64_t position = 0;
        const std::span<const std::int32_t> keys = table.keys_of(series);
        for (std::size_t mode = 0; mode < keys.size(); ++mode)
            position = position * static_cast<std::int64_t>(table.modes[mode].keys.size()) + keys[mode];
        positions.push_back(position);
    }
    SeriesTable result;
    result.axis = table.axis;
    result.steps = table.steps;
    result.modes = table.modes;
    result.keys = product_keys(table.modes);
    result.values = spread(table.values, table.steps, positions, width);
    for (const Covariate& covariate : table.covariates)
        result.covariates.push_back({covariate.name, spread(covariate.values, table.steps, positions, width)});
    result.graphs = table.graphs;
    return result;
}

std::string describe_series(const SeriesTable& table, std::int64_t series) {
    std::string text;
    const std::span<const std::int32_t> keys = table.keys_of(series);
    for (std::size_t mode = 0; mode < keys.size(); ++mode)
        text += (mode > 0 ? ", " : "") + table.modes[mode].name + "=" +
                table.modes[mode].keys[static_cast<std::size_t>(keys[mode])];
    return text;
}

void for_each_series(const SeriesTable& table, const std::atomic<bool>* stop,
                     const std::function<void(std::int64_t series, std::span<const float> values)>& visit) {
    // A cache line of each row is read once for all series in it.
    constexpr std::int64_t kTogether = 16;
    const std::int64_t series = table.series();
    const auto steps = static_cast<std::size_t>(table.steps);
    std::vector<float> columns(steps * kTogether);
    for (std::int64_t first = 0; first < series; first += kTogether) {
        throw_if_stopped(stop);
        const std::int64_t count = std::min(kTogether, series - first);
        for (std::size_t step = 0; step < steps; ++step) {
            const float* row = table.at(static_cast<std::int64_t>(step)) + first;
            for (std::int64_t i = 0; i < count; ++i)
                columns[static_cast<std::size_t>(i) * steps + step] = row[i];
        }
        for (std::int64_t i = 0; i < count; ++i)
            visit(first + i, std::span(columns).subspan(static_cast<std::size_t>(i) * steps, steps));
    }
}

SeriesTable first_steps(const SeriesTable& table, std::int64_t steps) {
    if (steps < 0 || steps > table.steps) throw InternalError("a table of series is cut where it has no steps");
    SeriesTable result;
    result.axis = table.axis;
    result.steps = steps;
    result.modes = table.modes;
    result.keys = table.keys;
    const auto cells = static_cast<std::ptrdiff_t>(steps * table.series());
    result.values.assign(table.values.begin(), table.values.begin() + cells);
    for (const Covariate& covariate : table.covariates)
        result.covariates.push_back({covariate.name, {covariate.values.begin(), covariate.values.begin() + cells}});
    result.graphs = table.graphs;
    return result;
}

}  // namespace tensile
