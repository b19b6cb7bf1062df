// Values of one column while rows arrive: columnar, in chunks of equally many rows, so that appending is a straight
// copy and a chunk can be let go as soon as it is encoded. NULL is stored as NaN, as the least timestamp or as
// kNullCode. Knows nothing of encodings.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "models/stop.h"
#include "models/table/raw_rows.h"
#include "models/table/text_dictionary.h"

namespace tensile {

inline constexpr std::int64_t kNullTimestamp = INT64_MIN;
inline constexpr std::uint32_t kNullCode = UINT32_MAX;

// Which rows of a block are kept, and whether each kept one is for training.
struct RowSelection {
    std::int64_t count = 0;
    const std::uint32_t* rows = nullptr;  // nullptr: rows 0 ... count - 1
    const std::uint8_t* is_training = nullptr;

    std::int64_t row(std::int64_t i) const { return rows == nullptr ? i : rows[i]; }
};

// Bytes that one row of a column takes in the store.
std::int64_t stored_bytes_per_row(const RawColumn& column);

class ColumnStore {
  public:
    ColumnStore(ColumnDescription description, std::int64_t chunk_rows);

    // The first block fixes the physical type, and the first value that is not NULL the width; throws Error 22023 when
    // a later value differs in width.
    void append(const RawRows& rows, const RawColumn& column, const RowSelection& selection);

    const ColumnDescription& description() const { return description_; }
    // Of the values as they arrived; kF64 for a column that never did.
    RawType raw_type() const { return raw_type_; }
    std::uint32_t width() const { return width_; }
    std::int64_t chunk_count() const { return static_cast<std::int64_t>(chunks_.size()); }
    std::int64_t chunk_rows() const { return chunk_rows_; }
    std::int64_t rows_in(std::int64_t chunk) const { return chunks_[static_cast<std::size_t>(chunk)].rows; }

    // Numbers, timestamps and blocks of a chunk (kF32, kF64, kTimestamp, kBlockF32), with NULL as said above.
    RawColumn chunk(std::int64_t index) const;
    // Texts and booleans of a chunk as numbers of the dictionary.
    bool holds_codes() const { return raw_type_ == RawType::kText || raw_type_ == RawType::kBool; }
    const std::uint32_t* codes(std::int64_t index) const;
    const TextDictionary& dictionary() const { return dictionary_; }
    // Of each text: in how many training rows it occurs.
    const std::vector<std::int64_t>& training_counts() const { return training_counts_; }
    // NULLs among all rows, and among the training rows.
    std::int64_t nulls() const { return nulls_; }
    std::int64_t training_nulls() const { return training_nulls_; }

    void release_chunk(std::int64_t index);
    std::uint64_t bytes() const;

  private:
    struct Chunk {
        std::unique_ptr<std::byte[]> data;
        std::int64_t rows = 0;
        std::int64_t capacity = 0;
    };
    void start(const RawColumn& column);
    // Gives the rows so far, all NULL, another width.
    void widen(std::uint32_t width);
    // Room for up to `wanted` more rows in the last chunk; gives how many there is room for.
    std::int64_t make_room(std::int64_t wanted);
    void append_piece(const RawRows& rows, const RawColumn& column, const RowSelection& piece, std::int64_t skipped,
                      std::byte* out);
    void append_codes(const RawRows& rows, const RawColumn& column, const RowSelection& piece, std::uint32_t* out);

    ColumnDescription description_;
    std::int64_t chunk_rows_;
    RawType raw_type_ = RawType::kF64;
    std::uint32_t width_ = 1;
    bool width_is_known_ = false;  // a value has come that was not NULL
    std::int64_t row_bytes_ = 0;   // 0: nothing has arrived
    std::vector<Chunk> chunks_;
    TextDictionary dictionary_;
    std::vector<std::int64_t> training_counts_;
    std::int64_t nulls_ = 0;
    std::int64_t training_nulls_ = 0;
};

// Calls visit(index) for each chunk; throws Error 57014 before the next one when `stop` (which may be null) is set.
template <typename Visit>
void for_each_chunk(const ColumnStore& column, const std::atomic<bool>* stop, Visit visit) {
    for (std::int64_t index = 0; index < column.chunk_count(); ++index) {
        throw_if_stopped(stop);
        visit(index);
    }
}

}  // namespace tensile
