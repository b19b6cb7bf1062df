// Takes rows as they arrive: drops those without any target, assigns the others to training or validation, and keeps
// every column in a ColumnStore. Knows no encodings.
//
// The split is a pure function of the seed and the position of the row among those read: row i is for validation when
// random_uniform(seed, kSplitStream, i) < the validation fraction. The same query result in the same order and the same
// seed therefore always give the same split.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/table/column_store.h"
#include "models/table/raw_rows.h"
#include "tensor/random.h"

namespace tensile {

inline constexpr std::uint64_t kSplitStream = 1;

class RowCollector {
  public:
    // `targets`: positions of the target columns.
    RowCollector(std::span<const ColumnDescription> columns, std::span<const int> targets, double validation,
                 std::uint64_t seed);

    void append(const RawRows& rows);

    std::int64_t rows_read() const { return rows_read_; }
    std::int64_t rows_kept() const { return static_cast<std::int64_t>(is_training_.size()); }
    // Of each kept row: 1 for training, 0 for validation.
    std::span<const std::uint8_t> is_training() const { return is_training_; }
    std::int64_t chunk_rows() const { return chunk_rows_; }
    const ColumnDescription& description(int index) const { return descriptions_[static_cast<std::size_t>(index)]; }
    ColumnStore& column(int index) { return columns_[static_cast<std::size_t>(index)]; }
    const ColumnStore& column(int index) const { return columns_[static_cast<std::size_t>(index)]; }
    std::uint64_t bytes() const;

  private:
    void start(const RawRows& rows);
    bool validates(std::uint64_t position);
    bool has_target(const RawRows& rows, std::int64_t row) const;

    std::vector<ColumnDescription> descriptions_;
    std::vector<int> targets_;
    double validation_;
    std::uint64_t seed_;
    std::vector<ColumnStore> columns_;
    std::vector<std::uint8_t> is_training_;
    std::vector<std::uint32_t> selected_;     // of the block at hand
    std::uint64_t split_block_ = UINT64_MAX;  // the block that split_bits_ is of
    RandomBlock split_bits_{};
    std::int64_t rows_read_ = 0;
    std::int64_t chunk_rows_ = 0;
};

// True when the value of a number, timestamp or any other single value counts as present: not NULL, not NaN, not
// infinite.
bool is_present(const RawColumn& column, std::int64_t row) noexcept;

}  // namespace tensile
