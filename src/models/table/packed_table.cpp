// See packed_table.h.
#include "models/table/packed_table.h"

#include <algorithm>
#include <bit>

#include "models/table/category_encoding.h"

namespace tensile {

namespace {

// Writes the codes of a stored column through a table from its dictionary's numbers to codes.
struct CodeColumn {
    const ColumnStore* store = nullptr;
    std::vector<std::int32_t> code_of;  // by number in the dictionary, the column's first table row added
    std::int32_t null_code = 0;
    std::int64_t position = 0;  // within the row's codes

    void write(std::int64_t chunk, std::int32_t* out, std::int64_t stride) const {
        const std::uint32_t* ids = store->codes(chunk);
        const std::int64_t rows = store->rows_in(chunk);
        for (std::int64_t i = 0; i < rows; ++i)
            out[position + i * stride] = ids[i] == kNullCode ? null_code : code_of[ids[i]];
    }
};

// Some rows at a time, so that those written to stay in the cache from column to column.
void encode_numbers(const RowCollector& rows, const TableEncoding& encoding, std::span<const int> features,
                    std::int64_t chunk, float* out) {
    const std::int64_t stride = encoding.number_width();
    const std::int64_t count = rows.column(features[0]).rows_in(chunk);
    for (std::int64_t begin = 0; begin < count; begin += kRowsEncodedAtOnce) {
        const std::int64_t end = std::min(count, begin + kRowsEncodedAtOnce);
        for (std::size_t i = 0; i < features.size(); ++i) {
            const EncodedColumn& column = encoding.columns()[i];
            if (column.encoding->number_width() == 0) continue;
            column.encoding->encode_numbers(rows.column(features[i]).chunk(chunk), begin, end,
                                            out + begin * stride + column.first_number, stride);
        }
    }
}

}  // namespace

PackedTable::PackedTable(RowCollector rows, const TableEncoding& encoding, std::span<const int> features,
                         std::span<const TargetEncoding> tasks, std::span<const int> targets,
                         const std::atomic<bool>* stop)
    : number_width_(encoding.number_width()) {
    std::vector<std::int64_t> group_begin;
    for (const EmbeddingGroup& group : encoding.groups()) {
        group_begin.push_back(code_width_);
        code_widths_.push_back(group.columns);
        code_width_ += group.columns;
    }
    std::vector<CodeColumn> code_columns;
    for (std::size_t i = 0; i < features.size(); ++i) {
        const EncodedColumn& column = encoding.columns()[i];
        const auto* category = dynamic_cast<const CategoryEncoding*>(column.encoding.get());
        if (category == nullptr) continue;
        const auto base = static_cast<std::int32_t>(column.first_table_row);
        CodeColumn codes;
        codes.store = &rows.column(features[i]);
        codes.code_of = category->codes_of(codes.store->dictionary());
        for (std::int32_t& code : codes.code_of)
            code += base;
        codes.null_code = category->null_code() + base;
        codes.position = group_begin[static_cast<std::size_t>(column.group)] + column.position_in_group;
        code_columns.push_back(std::move(codes));
    }

    const auto kept = static_cast<std::size_t>(rows.rows_kept());
    const std::span<const std::uint8_t> is_training = rows.is_training();
    training_rows_.reserve(kept);
    for (std::uint32_t row = 0; row < kept; ++row)
        (is_training[row] != 0 ? training_rows_ : validation_rows_).push_back(row);
    targets_.assign(tasks.size(), std::vector<float>(kept));
    chunk_shift_ = std::countr_zero(static_cast<std::uint64_t>(rows.chunk_rows()));
    chunk_mask_ = rows.chunk_rows() - 1;

    const std::int64_t chunk_count = rows.column(targets[0]).chunk_count();
    for (std::int64_t index = 0; index < chunk_count; ++index) {
        throw_if_stopped(stop);
        const std::int64_t count = rows.column(targets[0]).rows_in(index);
        const auto first = static_cast<std::size_t>(index * rows.chunk_rows());
        const auto numbers = static_cast<std::size_t>(count * number_width_);
        const auto codes = static_cast<std::size_t>(count * code_width_);
        Chunk chunk{std::make_unique_for_overwrite<float[]>(numbers),
                    std::make_unique_for_overwrite<std::int32_t[]>(codes)};
        encode_numbers(rows, encoding, features, index, chunk.numbers.get());
        for (const CodeColumn& column : code_columns)
            column.write(index, chunk.codes.get(), code_width_);
        for (std::size_t task = 0; task < tasks.size(); ++task)
            tasks[task].encode(rows.column(targets[task]), index, targets_[task].data() + first);
        for (int column : features)
            rows.column(column).release_chunk(index);
        for (int column : targets)
            rows.column(column).release_chunk(index);
        chunks_.push_back(std::move(chunk));
        chunk_bytes_ += (numbers + codes) * 4;
    }
}

std::uint64_t PackedTable::bytes() const {
    std::uint64_t bytes =
        chunk_bytes_ + (training_rows_.capacity() + validation_rows_.capacity()) * sizeof(std::uint32_t);
    for (const std::vector<float>& target : targets_)
        bytes += target.capacity() * sizeof(float);
    return bytes;
}

}  // namespace tensile
