// See row_collector.h.
#include "models/table/row_collector.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {

namespace {

// A chunk of the whole table takes about this many bytes, so that encoding it in place of the raw values costs little
// memory on top.
constexpr std::int64_t kChunkBytes = std::int64_t{32} << 20;
constexpr std::int64_t kLeastChunkRows = 256;
constexpr std::int64_t kMostChunkRows = 65536;

// Row numbers are kept in 32 bits when they are shuffled.
constexpr std::int64_t kMostRows = std::numeric_limits<std::uint32_t>::max();

}  // namespace

bool is_present(const RawColumn& column, std::int64_t row) noexcept {
    if (column.is_null(row)) return false;
    switch (column.type) {
    case RawType::kF32:
        return std::isfinite(column.as<float>()[row]);
    case RawType::kF64:
        return std::isfinite(column.as<double>()[row]);
    case RawType::kTimestamp:
        return column.as<std::int64_t>()[row] != INT64_MIN && column.as<std::int64_t>()[row] != INT64_MAX;
    default:
        return true;
    }
}

RowCollector::RowCollector(std::span<const ColumnDescription> columns, std::span<const int> targets, double validation,
                           std::uint64_t seed)
    : descriptions_(columns.begin(), columns.end()),
      targets_(targets.begin(), targets.end()),
      validation_(validation),
      seed_(seed) {}

void RowCollector::start(const RawRows& rows) {
    std::int64_t row_bytes = 1;
    for (const RawColumn& column : rows.columns)
        row_bytes += stored_bytes_per_row(column);
    const auto fitting = static_cast<std::uint64_t>(std::max<std::int64_t>(1, kChunkBytes / row_bytes));
    chunk_rows_ = std::clamp(static_cast<std::int64_t>(std::bit_floor(fitting)), kLeastChunkRows, kMostChunkRows);
    columns_.reserve(descriptions_.size());
    for (const ColumnDescription& description : descriptions_)
        columns_.emplace_back(description, chunk_rows_);
}

bool RowCollector::has_target(const RawRows& rows, std::int64_t row) const {
    return std::ranges::any_of(
        targets_, [&](int target) { return is_present(rows.columns[static_cast<std::size_t>(target)], row); });
}

// random_uniform(seed, kSplitStream, position) < validation, with one block of random numbers for four rows.
bool RowCollector::validates(std::uint64_t position) {
    if (validation_ <= 0) return false;
    if (const std::uint64_t block = position >> 2; block != split_block_) {
        split_block_ = block;
        split_bits_ = philox(seed_, {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                                     static_cast<std::uint32_t>(kSplitStream), 0});
    }
    return uniform_from_bits(split_bits_[position & 3]) < validation_;
}

void RowCollector::append(const RawRows& rows) {
    if (rows.columns.size() != descriptions_.size())
        throw InternalError("a block of rows has " + std::to_string(rows.columns.size()) + " columns instead of " +
                            std::to_string(descriptions_.size()));
    if (columns_.empty()) start(rows);
    if (rows_kept() + rows.count > kMostRows)
        throw Error(sqlstate::kProgramLimitExceeded, "query returns too many rows to train on",
                    "At most 4294967295 rows can be used.");

    const auto first_kept = static_cast<std::size_t>(rows_kept());
    selected_.clear();
    for (std::int64_t row = 0; row < rows.count; ++row) {
        if (!has_target(rows, row)) continue;
        selected_.push_back(static_cast<std::uint32_t>(row));
        is_training_.push_back(validates(static_cast<std::uint64_t>(rows_read_ + row)) ? 0 : 1);
    }
    rows_read_ += rows.count;

    RowSelection selection;
    selection.count = static_cast<std::int64_t>(selected_.size());
    selection.rows = selection.count == rows.count ? nullptr : selected_.data();
    selection.is_training = is_training_.data() + first_kept;
    for (std::size_t i = 0; i < columns_.size(); ++i)
        columns_[i].append(rows, rows.columns[i], selection);
}

std::uint64_t RowCollector::bytes() const {
    std::uint64_t bytes = is_training_.capacity() + selected_.capacity() * sizeof(std::uint32_t);
    for (const ColumnStore& column : columns_)
        bytes += column.bytes();
    return bytes;
}

}  // namespace tensile
