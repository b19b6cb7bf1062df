// See mode_graph.h.
#include "models/series/mode_graph.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kNullValueNotAllowed = "22004";

double weight_at(const RawColumn& column, std::int64_t row) {
    switch (column.type) {
    case RawType::kF32:
        return static_cast<double>(column.as<float>()[row]);
    case RawType::kF64:
        return column.as<double>()[row];
    case RawType::kI32:
        return column.as<std::int32_t>()[row];
    case RawType::kI64:
        return static_cast<double>(column.as<std::int64_t>()[row]);
    default:
        throw InternalError("weights of edges are no numbers");
    }
}

// The column that is not there is refused by the constructor.
KeyColumn key_column(std::span<const ColumnDescription> columns, std::size_t index, const std::string& relation) {
    const std::string name = index < columns.size() ? columns[index].name : std::string();
    return {name, "column \"" + name + "\" of graph " + relation};
}

}  // namespace

ModeGraphCollector::ModeGraphCollector(int mode, std::string mode_name, std::string relation,
                                       std::span<const ColumnDescription> columns)
    : mode_(mode),
      mode_name_(std::move(mode_name)),
      relation_(std::move(relation)),
      from_(key_column(columns, 0, relation_)),
      to_(key_column(columns, 1, relation_)) {
    constexpr std::string_view kColumns =
        "A graph has two columns of keys, from and to, and may have a numeric one, weight, in this order.";
    if (columns.size() != 2 && columns.size() != 3)
        throw Error(sqlstate::kDatatypeMismatch,
                    "graph " + relation_ + " has " + std::to_string(columns.size()) +
                        (columns.size() == 1 ? " column" : " columns"),
                    std::string(kColumns), "Name a view that returns them.");
    for (const ColumnDescription& column : columns.first(2))
        if (column.meaning == ColumnMeaning::kTimestamp || column.meaning == ColumnMeaning::kBlock)
            throw Error(sqlstate::kDatatypeMismatch,
                        "column \"" + column.name + "\" of graph " + relation_ + " has type " + column.type_name,
                        std::string(kColumns));
    if (columns.size() < 3) return;
    weight_ = columns[2].name;
    if (columns[2].meaning != ColumnMeaning::kNumber)
        throw Error(sqlstate::kDatatypeMismatch,
                    "column \"" + weight_ + "\" of graph " + relation_ + " has type " + columns[2].type_name,
                    std::string(kColumns));
}

std::string ModeGraphCollector::where() const {
    return "graph " + relation_ + " of mode \"" + mode_name_ + "\"";
}

void ModeGraphCollector::append(const RawRows& rows) {
    for (const std::uint32_t id : from_.add(rows, rows.columns[0]))
        from_ids_.push_back(id);
    for (const std::uint32_t id : to_.add(rows, rows.columns[1]))
        to_ids_.push_back(id);
    for (std::int64_t row = 0; row < rows.count; ++row) {
        if (weight_.empty()) {
            weights_.push_back(1);
            continue;
        }
        const auto edge = [&] {
            const std::size_t i = weights_.size();
            return "The edge leads from \"" + std::string(from_.dictionary().text(from_ids_[i])) + "\" to \"" +
                   std::string(to_.dictionary().text(to_ids_[i])) + "\".";
        };
        if (rows.columns[2].is_null(row))
            throw Error(kNullValueNotAllowed, "weight of an edge of " + where() + " is NULL", edge(),
                        "Leave such edges out, or give them a weight with coalesce().");
        const double weight = weight_at(rows.columns[2], row);
        const auto stored = static_cast<float>(weight);
        if (!(weight >= 0) || !std::isfinite(stored))
            throw Error(sqlstate::kInvalidParameterValue,
                        "weight of an edge of " + where() + " is " +
                            (std::isnan(weight) ? "NaN"
                             : weight < 0       ? "negative"
                                                : "infinite"),
                        edge(), "Weights say how close two keys are: finite numbers from 0.");
        weights_.push_back(stored);
    }
}

ModeGraph ModeGraphCollector::build(const SeriesMode& mode) const {
    if (weights_.size() == 0)
        throw Error(sqlstate::kInvalidParameterValue, where() + " has no edges", {},
                    "Leave it out of option \"graphs\", or fill it.");
    std::int64_t unknown = 0;
    std::string example;
    const auto positions_of = [&](const TextDictionary& dictionary) {
        std::vector<std::int32_t> positions(dictionary.size());
        for (std::uint32_t id = 0; id < dictionary.size(); ++id) {
            const std::string_view key = dictionary.text(id);
            const auto found = std::ranges::lower_bound(mode.keys, key, std::less<std::string_view>());
            if (found != mode.keys.end() && *found == key) {
                positions[id] = static_cast<std::int32_t>(found - mode.keys.begin());
            } else if (unknown++ == 0) {
                example = key;
            }
        }
        return positions;
    };
    const std::vector<std::int32_t> from = positions_of(from_.dictionary());
    const std::int64_t unknown_from = unknown;
    const std::vector<std::int32_t> to = positions_of(to_.dictionary());
    // A key that is unknown on both sides counts once.
    if (unknown_from > 0 && unknown > unknown_from)
        for (std::uint32_t id = 0; id < to_.dictionary().size(); ++id) {
            const std::string_view key = to_.dictionary().text(id);
            if (from_.dictionary().find(key) &&
                !std::ranges::binary_search(mode.keys, key, std::less<std::string_view>()))
                --unknown;
        }
    if (unknown > 0)
        throw Error(sqlstate::kInvalidParameterValue, where() + " names a key \"" + example + "\" that has no series",
                    unknown == 1   ? std::string()
                    : unknown == 2 ? "1 more key is unknown."
                                   : std::to_string(unknown - 1) + " more keys are unknown.",
                    "Name a view that leaves such edges out, as with WHERE \"" + from_.name() +
                        "\" IN (SELECT ...) AND \"" + to_.name() + "\" IN (SELECT ...).");

    ModeGraph graph;
    graph.mode = mode_;
    graph.edges.reserve(weights_.size());
    for (std::size_t i = 0; i < weights_.size(); ++i)
        graph.edges.push_back({from[from_ids_[i]], to[to_ids_[i]], weights_[i]});
    const auto ends = [](const ModeGraph::Edge& edge) { return std::pair(edge.from, edge.to); };
    std::ranges::stable_sort(graph.edges, std::less<>(), ends);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < graph.edges.size(); ++i)
        if (i + 1 == graph.edges.size() || ends(graph.edges[i]) != ends(graph.edges[i + 1]))
            graph.edges[kept++] = graph.edges[i];
    graph.edges.resize(kept);
    return graph;
}

std::uint64_t ModeGraphCollector::bytes() const {
    return from_.bytes() + to_.bytes() + from_ids_.bytes() + to_ids_.bytes() + weights_.bytes();
}

std::vector<float> normalized_adjacency(const ModeGraph& graph, std::int64_t keys, std::int64_t most_keys) {
    if (keys > most_keys)
        throw Error(sqlstate::kProgramLimitExceeded, "mode with a graph has " + std::to_string(keys) + " keys",
                    "At most " + std::to_string(most_keys) + " keys can be joined by a graph.",
                    "Leave the graph out, or use fewer keys.");
    const auto count = static_cast<std::size_t>(keys);
    std::vector<double> row_sums(count);
    std::vector<double> column_sums(count);
    for (const ModeGraph::Edge& edge : graph.edges) {
        row_sums[static_cast<std::size_t>(edge.from)] += static_cast<double>(edge.weight);
        column_sums[static_cast<std::size_t>(edge.to)] += static_cast<double>(edge.weight);
    }
    std::vector<float> matrix(count * count);
    for (const ModeGraph::Edge& edge : graph.edges) {
        const auto from = static_cast<std::size_t>(edge.from);
        const auto to = static_cast<std::size_t>(edge.to);
        const double scale = std::sqrt(row_sums[from]) * std::sqrt(column_sums[to]);
        if (scale > 0) matrix[from * count + to] = static_cast<float>(static_cast<double>(edge.weight) / scale);
    }
    return matrix;
}

}  // namespace tensile
