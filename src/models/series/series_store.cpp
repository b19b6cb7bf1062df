// See series_store.h.
#include "models/series/series_store.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "models/table/table_encoding.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

// No padding: the same model gives the same bytes.
static_assert(std::has_unique_object_representations_v<SeriesSummary> && sizeof(ModeGraph::Edge) == 12);

std::string section_of(std::string_view what, std::size_t index) {
    return std::string(what) + "." + std::to_string(index);
}

[[noreturn]] void reject(const std::string& detail) {
    throw Error(sqlstate::kDataCorrupted, "stored series of the model are damaged", detail);
}

// Lengths and then the text of all keys of a mode.
void add_keys(std::size_t index, const SeriesMode& mode, SectionWriter& sections) {
    std::vector<std::byte> lengths(mode.keys.size() * sizeof(std::uint32_t));
    std::vector<std::byte> text;
    std::size_t total = 0;
    for (const std::string& key : mode.keys)
        total += key.size();
    text.reserve(total);
    for (std::size_t i = 0; i < mode.keys.size(); ++i) {
        const auto length = static_cast<std::uint32_t>(mode.keys[i].size());
        std::memcpy(lengths.data() + i * sizeof length, &length, sizeof length);
        const auto bytes = std::as_bytes(std::span(mode.keys[i]));
        text.insert(text.end(), bytes.begin(), bytes.end());
    }
    sections.add_owned(section_of("key_lengths", index), std::move(lengths));
    sections.add_owned(section_of("key_text", index), std::move(text));
}

std::vector<std::string> keys_from(std::size_t index, std::uint64_t count, const SectionReader& sections) {
    const std::vector<std::uint32_t> lengths = sections.array<std::uint32_t>(section_of("key_lengths", index), count);
    const std::span<const std::byte> text = sections.bytes_of(section_of("key_text", index));
    std::vector<std::string> keys;
    keys.reserve(count);
    std::size_t begin = 0;
    for (const std::uint32_t length : lengths) {
        if (length > text.size() - begin) reject("A key lies outside of the stored text.");
        keys.emplace_back(reinterpret_cast<const char*>(text.data()) + begin, length);
        begin += length;
    }
    return keys;
}

Json totals_to_json(const SeriesReport& report) {
    return {{"rows", report.rows},
            {"values_null", report.values_null},
            {"values_nan", report.values_nan},
            {"values_infinite", report.values_infinite},
            {"stamps_moved", report.stamps_moved},
            {"duplicates_merged", report.duplicates_merged},
            {"steps_trimmed", report.steps_trimmed}};
}

void totals_from_json(const Json& json, SeriesReport& report) {
    json.at("rows").get_to(report.rows);
    json.at("values_null").get_to(report.values_null);
    json.at("values_nan").get_to(report.values_nan);
    json.at("values_infinite").get_to(report.values_infinite);
    json.at("stamps_moved").get_to(report.stamps_moved);
    json.at("duplicates_merged").get_to(report.duplicates_merged);
    json.at("steps_trimmed").get_to(report.steps_trimmed);
}

TimeAxis axis_from_json(const Json& json) {
    TimeAxis axis;
    axis.start = json.at("start").get<Timestamp>();
    axis.step.months = json.at("months").get<std::int64_t>();
    axis.step.microseconds = json.at("microseconds").get<std::int64_t>();
    axis.month_day = json.at("month_day").get<int>();
    const bool positive = axis.step.months >= 0 && axis.step.microseconds >= 0;
    if (!positive || (axis.step.months > 0) == (axis.step.microseconds > 0) || axis.month_day < 0 ||
        axis.month_day > 31)
        reject("The time axis has no valid step.");
    return axis;
}

std::int64_t count_from(const Json& json, const char* name, std::int64_t most) {
    const auto count = json.at(name).get<std::int64_t>();
    if (count < 0 || count > most) reject("Its " + std::string(name) + " are out of range.");
    return count;
}

void require_indices(std::span<const std::int32_t> indices, std::size_t stride, std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < indices.size(); i += stride)
        if (indices[i] < 0 || static_cast<std::size_t>(indices[i]) >= count) reject("A series has a key that is none.");
}

}  // namespace

void add_series_sections(const SeriesData& data, SectionWriter& sections) {
    const SeriesTable& table = data.table;
    for (std::size_t mode = 0; mode < table.modes.size(); ++mode)
        add_keys(mode, table.modes[mode], sections);
    sections.add("series_keys", table.keys);
    sections.add("values", table.values);
    for (std::size_t i = 0; i < table.covariates.size(); ++i) {
        sections.add(section_of("covariate", i), table.covariates[i].values);
        sections.add(section_of("future", i), data.future[i].values);
    }
    for (std::size_t i = 0; i < table.graphs.size(); ++i)
        sections.add(section_of("edges", i), table.graphs[i].edges);
    sections.add("summaries", data.report.series);
}

Json series_to_json(const SeriesData& data) {
    const SeriesTable& table = data.table;
    Json json;
    json["start"] = table.axis.start;
    json["months"] = table.axis.step.months;
    json["microseconds"] = table.axis.step.microseconds;
    json["month_day"] = table.axis.month_day;
    json["steps"] = table.steps;
    json["series"] = table.series();
    json["season"] = data.season;
    json["future_steps"] = data.future_steps;
    json["modes"] = Json::array();
    for (const SeriesMode& mode : table.modes)
        json["modes"].push_back({{"name", mode.name}, {"keys", mode.keys.size()}});
    json["covariates"] = Json::array();
    for (const Covariate& covariate : table.covariates)
        json["covariates"].push_back(covariate.name);
    json["graphs"] = Json::array();
    for (const ModeGraph& graph : table.graphs)
        json["graphs"].push_back({{"mode", graph.mode}, {"edges", graph.edges.size()}});
    json["report"] = totals_to_json(data.report);
    return json;
}

SeriesData series_from(const Json& json, const SectionReader& sections) {
    SeriesData data;
    SeriesTable& table = data.table;
    table.axis = axis_from_json(json);
    table.steps = count_from(json, "steps", kMostSeriesCells);
    const std::int64_t series = count_from(json, "series", kMostSeriesCells);
    data.future_steps = count_from(json, "future_steps", kMostSeriesCells);
    data.season = count_from(json, "season", kMostSeriesCells);
    if (table.steps == 0 || series == 0 || data.season == 0 ||
        table.steps + data.future_steps > kMostSeriesCells / series)
        reject("Its size is out of range.");
    const auto width = static_cast<std::uint64_t>(series);
    const std::uint64_t cells = static_cast<std::uint64_t>(table.steps) * width;
    const std::uint64_t future_cells = static_cast<std::uint64_t>(data.future_steps) * width;

    for (const Json& mode : json.at("modes"))
        table.modes.push_back({mode.at("name").get<std::string>(),
                               keys_from(table.modes.size(), mode.at("keys").get<std::uint64_t>(), sections)});
    table.keys = sections.array<std::int32_t>("series_keys", width * table.modes.size());
    if (table.modes.empty() && series != 1) reject("Several series have no keys.");
    for (std::size_t mode = 0; mode < table.modes.size(); ++mode)
        require_indices(table.keys, table.modes.size(), mode, table.modes[mode].keys.size());
    table.values = sections.array<float>("values", cells);
    for (const Json& name : json.at("covariates")) {
        const std::size_t i = table.covariates.size();
        table.covariates.push_back({name.get<std::string>(), sections.array<float>(section_of("covariate", i), cells)});
        data.future.push_back({name.get<std::string>(), sections.array<float>(section_of("future", i), future_cells)});
    }
    for (const Json& graph : json.at("graphs")) {
        ModeGraph loaded;
        loaded.mode = graph.at("mode").get<int>();
        if (loaded.mode < 0 || static_cast<std::size_t>(loaded.mode) >= table.modes.size())
            reject("A graph belongs to no mode.");
        loaded.edges = sections.array<ModeGraph::Edge>(section_of("edges", table.graphs.size()),
                                                       graph.at("edges").get<std::uint64_t>());
        const auto keys = static_cast<std::int64_t>(table.modes[static_cast<std::size_t>(loaded.mode)].keys.size());
        for (const ModeGraph::Edge& edge : loaded.edges)
            if (edge.from < 0 || edge.from >= keys || edge.to < 0 || edge.to >= keys)
                reject("An edge leads to a key that is none.");
        table.graphs.push_back(std::move(loaded));
    }
    data.report.series = sections.array<SeriesSummary>("summaries", width);
    for (const SeriesSummary& summary : data.report.series)
        if (summary.last >= table.steps || summary.first > summary.last || summary.status > SeriesStatus::kHasInfinite)
            reject("The summary of a series is out of range.");
    totals_from_json(json.at("report"), data.report);
    return data;
}

Json columns_to_json(const SeriesColumns& columns) {
    const auto list = [](const std::vector<SeriesColumns::Column>& some) {
        Json json = Json::array();
        for (const SeriesColumns::Column& column : some)
            json.push_back(describe_column(column.description));
        return json;
    };
    return {{"time", describe_column(columns.time.description)},
            {"modes", list(columns.modes)},
            {"value", describe_column(columns.value.description)},
            {"covariates", list(columns.covariates)}};
}

SeriesColumns columns_from_json(const Json& json) {
    const auto list = [](const Json& some) {
        std::vector<SeriesColumns::Column> columns;
        for (const Json& column : some)
            columns.push_back({column_from_json(column), 0});
        return columns;
    };
    return {{column_from_json(json.at("time")), 0},
            list(json.at("modes")),
            {column_from_json(json.at("value")), 0},
            list(json.at("covariates"))};
}

}  // namespace tensile
