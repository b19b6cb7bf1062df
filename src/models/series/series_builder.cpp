// See series_builder.h.
#include "models/series/series_builder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "models/series/sorted_rows.h"
#include "models/stop.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// Position of each of the collector's series among those of the table.
using SeriesPositions = std::vector<std::int64_t>;

// Sorted keys of each mode, the series that there are and where each of the collector's is among them.
SeriesPositions lay_out_series(const SeriesCollector& rows, bool dense, const std::atomic<bool>* stop,
                               SeriesTable& table) {
    StopPoint comparison(stop);
    std::vector<std::vector<std::int32_t>> ranks;  // [mode][key id]
    for (const KeyColumn& key : rows.keys()) {
        const TextDictionary& dictionary = key.dictionary();
        std::vector<std::uint32_t> ids(dictionary.size());
        std::iota(ids.begin(), ids.end(), 0U);
        std::ranges::sort(ids, [&](std::uint32_t left, std::uint32_t right) {
            comparison.count();
            return dictionary.text(left) < dictionary.text(right);
        });
        SeriesMode mode{key.name(), {}};
        mode.keys.reserve(ids.size());
        std::vector<std::int32_t> rank(ids.size());
        for (const std::uint32_t id : ids) {
            rank[id] = static_cast<std::int32_t>(mode.keys.size());
            mode.keys.emplace_back(dictionary.text(id));
        }
        table.modes.push_back(std::move(mode));
        ranks.push_back(std::move(rank));
    }
    const std::size_t modes = ranks.size();
    const std::size_t series = rows.series();
    std::vector<std::int32_t> keys(series * modes);
    for (std::size_t i = 0; i < series; ++i)
        for (std::size_t mode = 0; mode < modes; ++mode)
            keys[i * modes + mode] = ranks[mode][rows.key_of(i, mode)];

    SeriesPositions positions(series, 0);
    if (modes == 0) return positions;
    if (dense) {
        for (std::size_t i = 0; i < series; ++i)
            for (std::size_t mode = 0; mode < modes; ++mode)
                positions[i] =
                    positions[i] * static_cast<std::int64_t>(table.modes[mode].keys.size()) + keys[i * modes + mode];
        return positions;  // the keys are written once their number is known to be bearable
    }
    std::vector<std::uint32_t> order(series);
    std::iota(order.begin(), order.end(), 0U);
    const auto keys_of = [&](std::uint32_t i) { return std::span(keys).subspan(i * modes, modes); };
    std::ranges::sort(order, [&](std::uint32_t left, std::uint32_t right) {
        comparison.count();
        return std::ranges::lexicographical_compare(keys_of(left), keys_of(right));
    });
    table.keys.reserve(keys.size());
    for (std::size_t position = 0; position < series; ++position) {
        positions[order[position]] = static_cast<std::int64_t>(position);
        table.keys.insert(table.keys.end(), keys_of(order[position]).begin(), keys_of(order[position]).end());
    }
    return positions;
}

// A table that has so many more cells than rows comes from a wrong time or step rather than from rare events.
constexpr std::int64_t kMostCellsPerRow = 10'000;
constexpr std::int64_t kAlwaysAllowedCells = std::int64_t{1} << 26;

// Throws Error 54000 for a table with too many cells, before anything is allocated.
void require_cells(const SeriesTable& table, std::int64_t steps, std::int64_t series, std::size_t covariates,
                   std::int64_t rows, bool dense) {
    const std::int64_t allowed = std::min(kMostSeriesCells, std::max(kAlwaysAllowedCells, kMostCellsPerRow * rows));
    const std::int64_t most = allowed / static_cast<std::int64_t>(1 + covariates);
    if (steps <= most / std::max<std::int64_t>(1, series)) return;
    std::string detail = "There are " + std::to_string(series) + " series of " + std::to_string(steps) +
                         " points that are " + table.axis.step.to_string() + " apart";
    if (covariates > 0) detail += ", with " + std::to_string(covariates) + " covariates";
    detail += "; at most " + std::to_string(allowed) + " cells are allowed for " + std::to_string(rows) + " rows.";
    throw Error(
        sqlstate::kProgramLimitExceeded, "table of series is too large", detail,
        dense ? "This method needs a series for every combination of keys. Use fewer keys, a longer \"step\", or a "
                "method "
                "that treats series one by one."
              : "Look for times far from all others. Otherwise set a longer \"step\" with {\"irregular\": \"floor\", "
                "\"duplicates\": \"mean\"}, or let the query return fewer series or a shorter span of time.");
}

// Mean or sum of the finite ones among several values of a cell; NaN without any.
float merged(const ChunkedArray<float>& values, std::span<const std::uint32_t> rows, bool sum) {
    if (rows.size() == 1) return std::isfinite(values[rows.front()]) ? values[rows.front()] : kMissing;
    double total = 0;
    int count = 0;
    for (const std::uint32_t row : rows) {
        if (!std::isfinite(values[row])) continue;
        total += static_cast<double>(values[row]);
        ++count;
    }
    if (count == 0) return kMissing;
    const auto result = static_cast<float>(sum ? total : total / count);
    return std::isfinite(result) ? result : kMissing;
}

struct Extent {
    std::int64_t first_value = std::numeric_limits<std::int64_t>::max();
    std::int64_t last_value = std::numeric_limits<std::int64_t>::min();
    std::int64_t first_row = std::numeric_limits<std::int64_t>::max();
    std::int64_t last_row = std::numeric_limits<std::int64_t>::min();
    std::int64_t nan = 0;
    std::int64_t infinite = 0;
    bool has_values() const { return first_value <= last_value; }
};

// First and last step that hold a value or a row; counts of what is no number, of infinities by series position.
Extent find_extent(const SortedRows& sorted, const SeriesPositions& positions, const std::atomic<bool>* stop,
                   std::vector<std::int64_t>& infinite) {
    Extent extent;
    StopPoint step(stop);
    const ChunkedArray<float>& values = sorted.rows().value();
    sorted.for_each_cell([&](const SortedRows::Cell& cell) {
        bool known = false;
        for (const std::uint32_t row : cell.rows) {
            step.count();
            const float value = values[row];
            if (std::isfinite(value)) {
                known = true;
            } else if (std::isnan(value)) {
                ++extent.nan;
            } else {
                ++extent.infinite;
                ++infinite[static_cast<std::size_t>(positions[cell.series])];
            }
        }
        extent.first_row = std::min(extent.first_row, cell.step);
        extent.last_row = std::max(extent.last_row, cell.step);
        if (!known) return;
        extent.first_value = std::min(extent.first_value, cell.step);
        extent.last_value = std::max(extent.last_value, cell.step);
    });
    return extent;
}

// Writes every cell at step - first: values, and covariates, those at or behind `steps` into the future. What is
// missing in the rows leaves the cell as it is.
void fill(const SortedRows& sorted, const SeriesPositions& positions, std::int64_t first, DuplicateRule rule,
          const std::atomic<bool>* stop, SeriesData& data) {
    StopPoint step(stop);
    const SeriesCollector& rows = sorted.rows();
    const std::int64_t width = data.table.series();
    sorted.for_each_cell([&](const SortedRows::Cell& cell) {
        step.count();
        const std::int64_t at = cell.step - first;
        if (at < 0 || at >= data.table.steps + data.future_steps) return;
        const bool in_table = at < data.table.steps;
        const auto position =
            static_cast<std::size_t>((in_table ? at : at - data.table.steps) * width + positions[cell.series]);
        if (in_table)
            if (const float value = merged(rows.value(), cell.rows, rule == DuplicateRule::kSum); !std::isnan(value))
                data.table.values[position] = value;
        std::vector<Covariate>& covariates = in_table ? data.table.covariates : data.future;
        for (std::size_t i = 0; i < covariates.size(); ++i)
            if (const float value = merged(rows.covariate(i), cell.rows, false); !std::isnan(value))
                covariates[i].values[position] = value;
    });
}

std::vector<float> missing_cells(std::int64_t steps, std::int64_t series) {
    return std::vector<float>(static_cast<std::size_t>(steps * series), kMissing);
}

void reject_without_values(const SeriesCollector& rows, const Extent& extent) {
    throw Error(sqlstate::kInvalidParameterValue,
                "column \"" + rows.columns().value.description.name + "\" has no value in any row",
                "Of " + std::to_string(rows.rows()) + " rows, " + std::to_string(rows.values_null()) + " hold NULL, " +
                    std::to_string(extent.nan - rows.values_null()) + " NaN and " + std::to_string(extent.infinite) +
                    " infinity.",
                "Choose another value column, or a query that returns rows in which it is known.");
}

}  // namespace

SeriesData build_series(SeriesCollector collected, const SeriesRules& rules, const std::atomic<bool>* stop) {
    if (collected.rows() == 0)
        throw Error(sqlstate::kInvalidParameterValue, "query returned no rows to learn series from");
    SortedRows sorted(std::move(collected), stop);
    const SeriesCollector& rows = sorted.rows();
    const std::optional<TimeStep> step = rules.step ? rules.step : sorted.infer_step();
    const auto reject_single_point = [&](Timestamp time) {
        throw Error(sqlstate::kInvalidParameterValue, "series have only one point in time",
                    "All values are at " + format_timestamp(time) + ".",
                    "Let the query return values at several times.");
    };
    if (!step) reject_single_point(sorted.earliest());

    SeriesData data;
    SeriesTable& table = data.table;
    table.axis = sorted.axis_for(*step);
    data.report.rows = rows.rows();
    data.report.values_null = rows.values_null();
    data.report.stamps_moved = sorted.place(table.axis, rules.irregular);
    data.report.duplicates_merged = sorted.count_duplicates(table.axis, rules.duplicates);

    const SeriesPositions positions = lay_out_series(rows, rules.dense, stop, table);
    const std::int64_t width = rules.dense ? product_of_keys(table.modes) : static_cast<std::int64_t>(rows.series());
    const std::size_t covariates = rows.columns().covariates.size();
    require_cells(table, 2, width, covariates, rows.rows(), rules.dense);
    std::vector<std::int64_t> infinite(static_cast<std::size_t>(width));
    const Extent extent = find_extent(sorted, positions, stop, infinite);
    if (!extent.has_values()) reject_without_values(rows, extent);
    if (extent.first_value == extent.last_value) reject_single_point(table.axis.at(extent.first_value));
    data.report.values_nan = extent.nan - rows.values_null();
    data.report.values_infinite = extent.infinite;
    table.steps = extent.last_value - extent.first_value + 1;
    data.future_steps = covariates > 0 ? extent.last_row - extent.last_value : 0;
    data.report.steps_trimmed =
        extent.first_value - extent.first_row + (covariates > 0 ? 0 : extent.last_row - extent.last_value);
    require_cells(table, table.steps + data.future_steps, width, covariates, rows.rows(), rules.dense);

    if (rules.dense) table.keys = product_keys(table.modes);
    table.values = missing_cells(table.steps, width);
    for (const SeriesColumns::Column& covariate : rows.columns().covariates) {
        table.covariates.push_back({covariate.description.name, missing_cells(table.steps, width)});
        data.future.push_back({covariate.description.name, missing_cells(data.future_steps, width)});
    }
    fill(sorted, positions, extent.first_value, rules.duplicates, stop, data);
    table.axis.start = table.axis.at(extent.first_value);
    data.season = rules.season > 0 ? rules.season : usual_season(*step, table.steps);
    data.report.series = summarize(table, infinite, data.season, stop);
    return data;
}

namespace {

// Where the series of `rows` are in `table`, whose keys ascend.
SeriesPositions find_series(const SortedRows& sorted, const SeriesTable& table) {
    const SeriesCollector& rows = sorted.rows();
    const std::size_t modes = table.modes.size();
    const auto reject = [](const std::string& message, std::int64_t others, std::string_view noun) {
        throw Error(sqlstate::kInvalidParameterValue, message,
                    others > 0 ? std::to_string(others) + " more " + std::string(noun) + " unknown." : std::string(),
                    "Leave its rows out of the query, or train the model again with them.");
    };
    std::vector<std::vector<std::int32_t>> ranks(modes);
    for (std::size_t mode = 0; mode < modes; ++mode) {
        const TextDictionary& dictionary = rows.keys()[mode].dictionary();
        const std::vector<std::string>& keys = table.modes[mode].keys;
        std::int64_t unknown = 0;
        std::string example;
        for (std::uint32_t id = 0; id < dictionary.size(); ++id) {
            const auto found = std::ranges::lower_bound(keys, dictionary.text(id), std::less<std::string_view>());
            if (found == keys.end() || *found != dictionary.text(id)) {
                if (unknown++ == 0) example = dictionary.text(id);
                continue;
            }
            ranks[mode].push_back(static_cast<std::int32_t>(found - keys.begin()));
        }
        if (unknown > 0)
            reject("model knows no key \"" + example + "\" of mode \"" + table.modes[mode].name + "\"", unknown - 1,
                   unknown == 2 ? "key is" : "keys are");
    }
    SeriesPositions positions;
    std::vector<std::int32_t> keys(modes);
    std::int64_t unknown = 0;
    std::string example;
    for (std::size_t i = 0; i < rows.series(); ++i) {
        for (std::size_t mode = 0; mode < modes; ++mode)
            keys[mode] = ranks[mode][rows.key_of(i, mode)];
        std::int64_t low = 0;
        std::int64_t high = table.series();
        while (low < high) {
            const std::int64_t middle = low + (high - low) / 2;
            if (std::ranges::lexicographical_compare(table.keys_of(middle), keys))
                low = middle + 1;
            else
                high = middle;
        }
        if (low == table.series() || !std::ranges::equal(table.keys_of(low), keys)) {
            if (unknown++ == 0) example = sorted.describe(static_cast<std::uint32_t>(i));
            continue;
        }
        positions.push_back(low);
    }
    if (unknown > 0) reject("model knows no series " + example, unknown - 1, unknown == 2 ? "series is" : "series are");
    return positions;
}

// The rows of two matrices of `width` columns one after the other, cut or filled up to `cells`.
std::vector<float> joined(std::span<const float> first, std::span<const float> second, std::size_t skip,
                          std::size_t cells) {
    std::vector<float> result;
    result.reserve(cells);
    const auto append = [&](std::span<const float> from) {
        const std::size_t dropped = std::min(skip, from.size());
        skip -= dropped;
        from = from.subspan(dropped, std::min(from.size() - dropped, cells - result.size()));
        result.insert(result.end(), from.begin(), from.end());
    };
    append(first);
    append(second);
    result.resize(cells, kMissing);
    return result;
}

}  // namespace

SeriesData extend_series(const SeriesData& known, SeriesCollector collected, const SeriesRules& rules,
                         const std::atomic<bool>* stop) {
    if (collected.rows() == 0) return known;
    SortedRows sorted(std::move(collected), stop);
    const SeriesCollector& rows = sorted.rows();
    const SeriesTable& old = known.table;
    const SeriesPositions positions = find_series(sorted, old);
    const Timestamp earliest = sorted.earliest();
    SeriesData data;
    data.season = known.season;
    data.report.rows = rows.rows();
    data.report.values_null = rows.values_null();
    data.report.stamps_moved = sorted.place(old.axis, rules.irregular);
    data.report.duplicates_merged = sorted.count_duplicates(old.axis, rules.duplicates);
    const std::int64_t width = old.series();
    std::vector<std::int64_t> infinite(static_cast<std::size_t>(width));
    const Extent extent = find_extent(sorted, positions, stop, infinite);
    if (extent.first_row < 0)
        throw Error(sqlstate::kInvalidParameterValue, "rows lie before the first point of the model's series",
                    "The first row is at " + format_timestamp(earliest) + ", the model's series begin at " +
                        format_timestamp(old.axis.start) + ".",
                    "Leave older rows out of the query.");
    data.report.values_nan = extent.nan - rows.values_null();
    data.report.values_infinite = extent.infinite;

    SeriesTable& table = data.table;
    const std::size_t covariates = old.covariates.size();
    table.steps = std::max(old.steps, extent.has_values() ? extent.last_value + 1 : 0);
    const std::int64_t last = std::max(extent.last_row + 1, old.steps + known.future_steps);
    data.future_steps = covariates > 0 ? std::max<std::int64_t>(0, last - table.steps) : 0;
    table.axis = old.axis;
    require_cells(table, table.steps + data.future_steps, width, covariates, old.steps * width + rows.rows(), false);
    table.modes = old.modes;
    table.keys = old.keys;
    table.graphs = old.graphs;
    const auto cells = static_cast<std::size_t>(table.steps * width);
    table.values = joined(old.values, {}, 0, cells);
    for (std::size_t i = 0; i < covariates; ++i) {
        const std::span<const float> past = old.covariates[i].values;
        const std::span<const float> future = known.future[i].values;
        table.covariates.push_back({old.covariates[i].name, joined(past, future, 0, cells)});
        data.future.push_back(
            {old.covariates[i].name, joined(past, future, cells, static_cast<std::size_t>(data.future_steps * width))});
    }
    fill(sorted, positions, 0, rules.duplicates, stop, data);
    data.report.series = summarize(table, infinite, data.season, stop);
    return data;
}

}  // namespace tensile
