// All feature columns of a model with their encodings, and where their channels are in the network's inputs.
//
// Inputs of one row: a matrix row of number_width() floats, and for each embedding group a row of category codes.
// Columns whose embeddings have the same width share one group: their tables are stacked into one, so that a network
// needs few lookups however many columns there are. Widths are powers of two up to kWidestEmbedding unless the user
// fixes one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/table/column_encoding.h"
#include "models/table/row_collector.h"

namespace tensile {

inline constexpr std::int64_t kWidestEmbedding = 32;
// Rows that are encoded column by column before the next ones are: few enough to stay in the cache.
inline constexpr std::int64_t kRowsEncodedAtOnce = 128;

// Tables of equal width stacked into one of `table_rows` rows; a row of the data has `columns` codes into it.
struct EmbeddingGroup {
    std::int64_t width = 0;
    std::int64_t table_rows = 0;
    std::int64_t columns = 0;
};

struct EncodedColumn {
    ColumnDescription description;
    std::unique_ptr<ColumnEncoding> encoding;
    std::int64_t embedding_width = 0;  // 0: no category
    // Computed from the columns before it:
    std::int64_t first_number = 0;
    int group = -1;
    std::int64_t position_in_group = 0;
    std::int64_t first_table_row = 0;
};

// Where to write the inputs of a row: the first row's numbers, and of each group the first row's codes.
struct EncodedRows {
    float* numbers = nullptr;
    std::int64_t number_stride = 0;
    struct Codes {
        std::int32_t* values = nullptr;
        std::int64_t stride = 0;
    };
    std::vector<Codes> codes;  // by group
};

class TableEncoding {
  public:
    // Fits every column of the collector whose position is in `features`. `embedding_width` 0: chosen for each column.
    // Throws Error 57014 when `stop` is set meanwhile.
    static TableEncoding fit(const RowCollector& rows, std::span<const int> features, std::int64_t max_categories,
                             std::int64_t embedding_width, const std::atomic<bool>* stop = nullptr);
    static TableEncoding from_json(const nlohmann::ordered_json& json);
    nlohmann::ordered_json to_json() const;

    std::int64_t number_width() const { return number_width_; }
    std::span<const EmbeddingGroup> groups() const { return groups_; }
    std::span<const EncodedColumn> columns() const { return columns_; }

    // Position of each feature among `given`, by name; throws Error 42703 (missing), 42804 (of another kind).
    std::vector<int> bind(std::span<const ColumnDescription> given) const;
    // Encodes rows [begin, end); feature i is rows.columns[positions[i]]. Throws Error 22023 when an array has another
    // length than in training.
    void encode(const RawRows& rows, std::span<const int> positions, std::int64_t begin, std::int64_t end,
                const EncodedRows& out) const;

  private:
    void encode_column(const EncodedColumn& column, const RawRows& rows, const RawColumn& raw, std::int64_t begin,
                       std::int64_t end, std::int64_t first_row, const EncodedRows& out) const noexcept;
    // Groups and positions from the columns' encodings.
    void lay_out();

    std::vector<EncodedColumn> columns_;
    std::vector<EmbeddingGroup> groups_;
    std::int64_t number_width_ = 0;
};

// Fits the encoding that suits a column's meaning.
std::unique_ptr<ColumnEncoding> fit_encoding(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                                             std::int64_t max_categories, const std::atomic<bool>* stop = nullptr);

// Finds a column that must be there; throws Error 42703, with the nearest thing to a hint, or 42804.
int find_column(std::span<const ColumnDescription> given, const ColumnDescription& wanted, std::string_view role);

nlohmann::ordered_json describe_column(const ColumnDescription& column);
ColumnDescription column_from_json(const nlohmann::ordered_json& json);

}  // namespace tensile
