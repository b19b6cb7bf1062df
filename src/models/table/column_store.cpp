// Copying columns into chunks; see column_store.h.
#include "models/table/column_store.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "tensor/error.h"

namespace tensile {

namespace {

template <typename From, typename To>
void copy_values(const From* values, const RowSelection& piece, To* out) {
    if (piece.rows == nullptr) {
        if constexpr (std::is_same_v<From, To>) {
            std::memcpy(out, values, static_cast<std::size_t>(piece.count) * sizeof(To));
        } else {
            for (std::int64_t i = 0; i < piece.count; ++i)
                out[i] = static_cast<To>(values[i]);
        }
        return;
    }
    for (std::int64_t i = 0; i < piece.count; ++i)
        out[i] = static_cast<To>(values[piece.rows[i]]);
}

// Writes `null` over the values of NULL rows, whatever they held.
template <typename To>
void overwrite_nulls(const RawColumn& column, const RowSelection& piece, To null, To* out) {
    if (column.nulls == nullptr) return;
    for (std::int64_t i = 0; i < piece.count; ++i)
        if (column.nulls[piece.row(i)] != 0) out[i] = null;
}

void copy_blocks(const RawColumn& column, const RowSelection& piece, float* out) {
    const auto width = static_cast<std::int64_t>(column.width);
    const std::size_t row_bytes = static_cast<std::size_t>(width) * sizeof(float);
    const auto* values = column.as<float>();
    for (std::int64_t i = 0; i < piece.count; ++i) {
        const std::int64_t row = piece.row(i);
        if (column.is_null(row)) {
            std::fill_n(out + i * width, width, std::numeric_limits<float>::quiet_NaN());
        } else {
            std::memcpy(out + i * width, values + row * width, row_bytes);
        }
    }
}

constexpr std::int64_t kFirstCapacity = 256;

}  // namespace

std::int64_t stored_bytes_per_row(const RawColumn& column) {
    switch (column.type) {
    case RawType::kF32:
    case RawType::kBool:
    case RawType::kText:
        return 4;
    case RawType::kF64:
    case RawType::kI32:
    case RawType::kI64:
    case RawType::kTimestamp:
        return 8;
    case RawType::kBlockF32:
        return std::int64_t{4} * column.width;
    }
    throw InternalError("column has an unknown physical type");
}

ColumnStore::ColumnStore(ColumnDescription description, std::int64_t chunk_rows)
    : description_(std::move(description)), chunk_rows_(chunk_rows) {}

void ColumnStore::start(const RawColumn& column) {
    raw_type_ = column.type;
    width_ = column.width;
    row_bytes_ = stored_bytes_per_row(column);
    if (raw_type_ == RawType::kBool) {
        dictionary_.add("false");
        dictionary_.add("true");
        training_counts_.assign(2, 0);
    }
}

void ColumnStore::widen(std::uint32_t width) {
    width_ = width;
    row_bytes_ = static_cast<std::int64_t>(sizeof(float)) * width;
    for (Chunk& chunk : chunks_) {
        chunk.data = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(chunk.capacity * row_bytes_));
        std::fill_n(reinterpret_cast<float*>(chunk.data.get()), chunk.rows * width,
                    std::numeric_limits<float>::quiet_NaN());
    }
}

std::int64_t ColumnStore::make_room(std::int64_t wanted) {
    if (chunks_.empty() || chunks_.back().rows == chunk_rows_) {
        Chunk chunk;
        // Small tables stay small; from the second chunk on nothing is moved.
        chunk.capacity = chunks_.empty() ? std::min(chunk_rows_, std::max(kFirstCapacity, wanted)) : chunk_rows_;
        chunk.data = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(chunk.capacity * row_bytes_));
        chunks_.push_back(std::move(chunk));
    }
    Chunk& chunk = chunks_.back();
    if (chunk.rows + wanted > chunk.capacity && chunk.capacity < chunk_rows_) {
        const std::int64_t capacity = std::min(chunk_rows_, std::max(2 * chunk.capacity, chunk.rows + wanted));
        auto data = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(capacity * row_bytes_));
        std::memcpy(data.get(), chunk.data.get(), static_cast<std::size_t>(chunk.rows * row_bytes_));
        chunk.data = std::move(data);
        chunk.capacity = capacity;
    }
    return std::min(wanted, chunk.capacity - chunk.rows);
}

void ColumnStore::append(const RawRows& rows, const RawColumn& block, const RowSelection& selection) {
    if (selection.count == 0) return;
    if (row_bytes_ == 0) start(block);
    if (block.type != raw_type_)
        throw InternalError("column \"" + description_.name + "\" changed its physical type between blocks");
    RawColumn column = block;
    std::int64_t block_nulls = 0;
    if (column.nulls != nullptr) {
        for (std::int64_t i = 0; i < selection.count; ++i) {
            if (column.nulls[selection.row(i)] == 0) continue;
            ++block_nulls;
            training_nulls_ += selection.is_training[i];
        }
        nulls_ += block_nulls;
    }
    if (block_nulls == selection.count) {
        column.width = width_;  // no value is read
    } else if (!std::exchange(width_is_known_, true) && column.width != width_) {
        widen(column.width);
    }
    if (column.width != width_)
        throw Error(sqlstate::kInvalidParameterValue, "arrays of column \"" + description_.name + "\" differ in length",
                    "Earlier rows have " + std::to_string(width_) + " elements, later ones " +
                        std::to_string(column.width) + ".",
                    "All arrays of a column must have the same number of elements.");
    for (std::int64_t done = 0; done < selection.count;) {
        RowSelection piece = selection;
        piece.count = make_room(selection.count - done);
        piece.is_training += done;
        if (piece.rows != nullptr) piece.rows += done;
        Chunk& chunk = chunks_.back();
        append_piece(rows, column, piece, piece.rows == nullptr ? done : 0, chunk.data.get() + chunk.rows * row_bytes_);
        chunk.rows += piece.count;
        done += piece.count;
    }
}

// `skipped`: where a piece without row numbers begins in the block.
void ColumnStore::append_piece(const RawRows& rows, const RawColumn& block, const RowSelection& piece,
                               std::int64_t skipped, std::byte* out) {
    RawColumn column = block;
    if (column.nulls != nullptr) column.nulls += skipped;
    const auto numbers = [&]<typename From, typename To>(const From* values, To* to) {
        copy_values(values + skipped, piece, to);
        overwrite_nulls(column, piece, std::numeric_limits<To>::quiet_NaN(), to);
    };
    switch (column.type) {
    case RawType::kF32:
        return numbers(column.as<float>(), reinterpret_cast<float*>(out));
    case RawType::kF64:
        return numbers(column.as<double>(), reinterpret_cast<double*>(out));
    case RawType::kI32:
        return numbers(column.as<std::int32_t>(), reinterpret_cast<double*>(out));
    case RawType::kI64:
        return numbers(column.as<std::int64_t>(), reinterpret_cast<double*>(out));
    case RawType::kTimestamp: {
        auto* times = reinterpret_cast<std::int64_t*>(out);
        copy_values(column.as<std::int64_t>() + skipped, piece, times);
        return overwrite_nulls(column, piece, kNullTimestamp, times);
    }
    case RawType::kBlockF32:
        column.values = column.as<float>() + skipped * static_cast<std::int64_t>(width_);
        return copy_blocks(column, piece, reinterpret_cast<float*>(out));
    case RawType::kText:
        column.values = column.as<TextSlice>() + skipped;
        return append_codes(rows, column, piece, reinterpret_cast<std::uint32_t*>(out));
    case RawType::kBool:
        column.values = column.as<std::uint8_t>() + skipped;
        return append_codes(rows, column, piece, reinterpret_cast<std::uint32_t*>(out));
    }
}

void ColumnStore::append_codes(const RawRows& rows, const RawColumn& column, const RowSelection& piece,
                               std::uint32_t* out) {
    for (std::int64_t i = 0; i < piece.count; ++i) {
        const std::int64_t row = piece.row(i);
        if (column.is_null(row)) {
            out[i] = kNullCode;
            continue;
        }
        const std::uint32_t code = column.type == RawType::kBool ? std::uint32_t{column.as<std::uint8_t>()[row] != 0}
                                                                 : dictionary_.add(rows.text(column, row));
        if (code >= training_counts_.size()) training_counts_.push_back(0);
        training_counts_[code] += piece.is_training[i];
        out[i] = code;
    }
}

RawColumn ColumnStore::chunk(std::int64_t index) const {
    if (holds_codes()) throw InternalError("column \"" + description_.name + "\" holds codes, not values");
    RawColumn column;
    column.type = raw_type_ == RawType::kI32 || raw_type_ == RawType::kI64 ? RawType::kF64 : raw_type_;
    column.values = chunks_[static_cast<std::size_t>(index)].data.get();
    column.width = width_;
    return column;
}

const std::uint32_t* ColumnStore::codes(std::int64_t index) const {
    if (!holds_codes()) throw InternalError("column \"" + description_.name + "\" holds values, not codes");
    return reinterpret_cast<const std::uint32_t*>(chunks_[static_cast<std::size_t>(index)].data.get());
}

void ColumnStore::release_chunk(std::int64_t index) {
    Chunk& chunk = chunks_[static_cast<std::size_t>(index)];
    chunk.data.reset();
    chunk.capacity = 0;
}

std::uint64_t ColumnStore::bytes() const {
    std::uint64_t bytes = dictionary_.bytes() + training_counts_.capacity() * sizeof(std::int64_t);
    for (const Chunk& chunk : chunks_)
        bytes += static_cast<std::uint64_t>(chunk.capacity * row_bytes_);
    return bytes;
}

}  // namespace tensile
