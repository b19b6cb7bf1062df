// See table_encoding.h.
#include "models/table/table_encoding.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <nlohmann/json.hpp>

#include "models/table/block_encoding.h"
#include "models/table/category_encoding.h"
#include "models/table/number_encoding.h"
#include "models/table/timestamp_encoding.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

// Names of the meanings in manifests.
constexpr std::string_view kMeanings[] = {"number", "boolean", "text", "timestamp", "block"};

std::string_view plural(ColumnMeaning meaning) {
    switch (meaning) {
    case ColumnMeaning::kNumber:
        return "numbers";
    case ColumnMeaning::kBoolean:
        return "booleans";
    case ColumnMeaning::kText:
        return "text";
    case ColumnMeaning::kTimestamp:
        return "dates or timestamps";
    case ColumnMeaning::kBlock:
        return "arrays of numbers";
    }
    return "?";
}

// More categories need more room to differ in, ever more slowly: twice the fourth root of their number, rounded up to a
// power of two.
std::int64_t embedding_width_for(std::int64_t categories) {
    const double wanted = std::min(2 * std::pow(static_cast<double>(categories), 0.25), double{kWidestEmbedding});
    return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::ceil(wanted))));
}

// Arrays must be as long as in training; a NULL has no length.
void require_width(const EncodedColumn& column, const RawColumn& raw, std::int64_t begin, std::int64_t end) {
    if (raw.type != RawType::kBlockF32) return;
    const int width = static_cast<const BlockEncoding&>(*column.encoding).width();
    if (raw.width == static_cast<std::uint32_t>(width)) return;
    for (std::int64_t row = begin; row < end; ++row) {
        if (raw.is_null(row)) continue;
        throw Error(sqlstate::kInvalidParameterValue,
                    "array of column \"" + column.description.name + "\" has the wrong length",
                    "The model was trained with " + std::to_string(width) + " elements, but found " +
                        std::to_string(raw.width) + ".");
    }
}

}  // namespace

std::unique_ptr<ColumnEncoding> encoding_from_json(const Json& json) {
    const auto& kind = json.at("kind").get_ref<const std::string&>();
    if (kind == "number") return NumberEncoding::from_json(json);
    if (kind == "category") return CategoryEncoding::from_json(json);
    if (kind == "timestamp") return TimestampEncoding::from_json(json);
    if (kind == "block") return BlockEncoding::from_json(json);
    throw Error(sqlstate::kDataCorrupted, "model has a column with an unknown encoding \"" + kind + "\"");
}

std::unique_ptr<ColumnEncoding> fit_encoding(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                                             std::int64_t max_categories, const std::atomic<bool>* stop) {
    switch (column.description().meaning) {
    case ColumnMeaning::kNumber:
        return NumberEncoding::fit(column, is_training, stop);
    case ColumnMeaning::kBoolean:
    case ColumnMeaning::kText:
        return CategoryEncoding::fit(column, max_categories, stop);
    case ColumnMeaning::kTimestamp:
        return TimestampEncoding::fit(column, is_training, stop);
    case ColumnMeaning::kBlock:
        return BlockEncoding::fit(column, is_training, stop);
    }
    throw InternalError("column \"" + column.description().name + "\" has an unknown meaning");
}

Json describe_column(const ColumnDescription& column) {
    return {{"name", column.name},
            {"type", column.type_name},
            {"meaning", kMeanings[static_cast<std::size_t>(column.meaning)]}};
}

ColumnDescription column_from_json(const Json& json) {
    ColumnDescription column;
    column.name = json.at("name").get<std::string>();
    column.type_name = json.at("type").get<std::string>();
    const auto* found = std::ranges::find(kMeanings, json.at("meaning").get_ref<const std::string&>());
    if (found == std::end(kMeanings))
        throw Error(sqlstate::kDataCorrupted, "model has a column \"" + column.name + "\" of unknown meaning");
    column.meaning = static_cast<ColumnMeaning>(found - std::begin(kMeanings));
    return column;
}

int find_column(std::span<const ColumnDescription> given, const ColumnDescription& wanted, std::string_view role) {
    const auto found = std::ranges::find(given, wanted.name, &ColumnDescription::name);
    if (found == given.end()) {
        const auto unnamed = std::ranges::find(given, "f1", &ColumnDescription::name);
        const auto folded = [](std::string text) {
            std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
            return text;
        };
        const auto similar = std::ranges::find_if(
            given, [&](const ColumnDescription& column) { return folded(column.name) == folded(wanted.name); });
        std::string hint = "Pass a row that has a column \"" + wanted.name + "\" of type " + wanted.type_name + ".";
        if (similar != given.end()) hint = "Perhaps you meant the column \"" + similar->name + "\".";
        if (unnamed != given.end())
            hint =
                "ROW(...) has no column names; use a sub-select, as in (SELECT ... AS \"" + wanted.name + "\") AS s.";
        throw Error(sqlstate::kUndefinedColumn, "column \"" + wanted.name + "\" does not exist in the row",
                    "The model uses it as a " + std::string(role) + ".", hint);
    }
    if (found->meaning != wanted.meaning)
        throw Error(sqlstate::kDatatypeMismatch, "column \"" + wanted.name + "\" is of the wrong type",
                    "The model was trained with " + std::string(plural(wanted.meaning)) + " of type " +
                        wanted.type_name + ", but the row has type " + found->type_name + ".",
                    "You might need to add a type cast.");
    return static_cast<int>(found - given.begin());
}

TableEncoding TableEncoding::fit(const RowCollector& rows, std::span<const int> features, std::int64_t max_categories,
                                 std::int64_t embedding_width, const std::atomic<bool>* stop) {
    TableEncoding table;
    for (int feature : features) {
        throw_if_stopped(stop);
        const ColumnStore& store = rows.column(feature);
        EncodedColumn column;
        column.description = store.description();
        column.encoding = fit_encoding(store, rows.is_training(), max_categories, stop);
        if (const std::int64_t categories = column.encoding->category_rows(); categories > 0)
            column.embedding_width = embedding_width > 0 ? embedding_width : embedding_width_for(categories);
        table.columns_.push_back(std::move(column));
    }
    table.lay_out();
    return table;
}

void TableEncoding::lay_out() {
    for (EncodedColumn& column : columns_) {
        column.first_number = number_width_;
        number_width_ += column.encoding->number_width();
        if (column.embedding_width == 0) continue;
        auto group = std::ranges::find(groups_, column.embedding_width, &EmbeddingGroup::width);
        if (group == groups_.end()) group = groups_.insert(groups_.end(), {.width = column.embedding_width});
        column.group = static_cast<int>(group - groups_.begin());
        column.position_in_group = group->columns++;
        column.first_table_row = group->table_rows;
        group->table_rows += column.encoding->category_rows();
        if (group->table_rows > INT32_MAX)
            throw Error(sqlstate::kProgramLimitExceeded, "columns have too many categories",
                        "All columns together can have at most 2147483647 categories.", "Lower \"max_categories\".");
    }
}

std::vector<int> TableEncoding::bind(std::span<const ColumnDescription> given) const {
    std::vector<int> positions;
    for (const EncodedColumn& column : columns_)
        positions.push_back(find_column(given, column.description, "feature"));
    return positions;
}

// Rows [begin, end), of which the first is row `first_row` of the output.
void TableEncoding::encode_column(const EncodedColumn& column, const RawRows& rows, const RawColumn& raw,
                                  std::int64_t begin, std::int64_t end, std::int64_t first_row,
                                  const EncodedRows& out) const noexcept {
    column.encoding->encode_numbers(raw, begin, end, out.numbers + first_row * out.number_stride + column.first_number,
                                    out.number_stride);
    if (column.group < 0) return;
    const EncodedRows::Codes& codes = out.codes[static_cast<std::size_t>(column.group)];
    std::int32_t* first = codes.values + first_row * codes.stride + column.position_in_group;
    column.encoding->encode_codes(rows, raw, begin, end, first, codes.stride);
    for (std::int64_t row = 0; row < end - begin; ++row)
        first[row * codes.stride] += static_cast<std::int32_t>(column.first_table_row);
}

void TableEncoding::encode(const RawRows& rows, std::span<const int> positions, std::int64_t begin, std::int64_t end,
                           const EncodedRows& out) const {
    for (std::size_t i = 0; i < columns_.size(); ++i)
        require_width(columns_[i], rows.columns[static_cast<std::size_t>(positions[i])], begin, end);
    for (std::int64_t first = begin; first < end; first += kRowsEncodedAtOnce) {
        const std::int64_t last = std::min(end, first + kRowsEncodedAtOnce);
        for (std::size_t i = 0; i < columns_.size(); ++i)
            encode_column(columns_[i], rows, rows.columns[static_cast<std::size_t>(positions[i])], first, last,
                          first - begin, out);
    }
}

Json TableEncoding::to_json() const {
    Json json = Json::array();
    for (const EncodedColumn& column : columns_) {
        Json entry = describe_column(column.description);
        entry["encoding"] = column.encoding->to_json();
        if (column.embedding_width > 0) entry["embedding_width"] = column.embedding_width;
        json.push_back(std::move(entry));
    }
    return json;
}

TableEncoding TableEncoding::from_json(const Json& json) {
    TableEncoding table;
    for (const Json& entry : json) {
        EncodedColumn column;
        column.description = column_from_json(entry);
        column.encoding = encoding_from_json(entry.at("encoding"));
        column.embedding_width = entry.value("embedding_width", std::int64_t{0});
        if ((column.embedding_width > 0) != (column.encoding->category_rows() > 0))
            throw Error(sqlstate::kDataCorrupted,
                        "model describes column \"" + column.description.name + "\" inconsistently");
        table.columns_.push_back(std::move(column));
    }
    table.lay_out();
    return table;
}

}  // namespace tensile
