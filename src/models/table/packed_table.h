// The data set as training reads it: row-major, so that a shuffled batch is gathered row by row at memory speed. A row
// is number_width() floats and the category codes of all embedding groups side by side, and a target a task.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/table/row_collector.h"
#include "models/table/table_encoding.h"
#include "models/table/target_encoding.h"

namespace tensile {

class PackedTable {
  public:
    // Encodes what was collected, chunk by chunk, and lets each chunk go; `features` are the positions that `encoding`
    // was fitted on, `targets` those of `tasks`. The collector is spent. Throws Error 57014 when `stop` is set
    // meanwhile.
    PackedTable(RowCollector rows, const TableEncoding& encoding, std::span<const int> features,
                std::span<const TargetEncoding> tasks, std::span<const int> targets,
                const std::atomic<bool>* stop = nullptr);

    std::int64_t number_width() const { return number_width_; }
    // Codes of a row of each embedding group, which lie side by side.
    std::span<const std::int64_t> code_widths() const { return code_widths_; }
    const float* numbers(std::uint32_t row) const noexcept {
        return chunks_[row >> chunk_shift_].numbers.get() + (row & chunk_mask_) * number_width_;
    }
    const std::int32_t* codes(std::uint32_t row) const noexcept {
        return chunks_[row >> chunk_shift_].codes.get() + (row & chunk_mask_) * code_width_;
    }
    // See TargetEncoding::encode; NaN when missing.
    float target(std::size_t task, std::uint32_t row) const noexcept { return targets_[task][row]; }

    std::span<const std::uint32_t> training_rows() const { return training_rows_; }
    std::span<const std::uint32_t> validation_rows() const { return validation_rows_; }
    std::uint64_t bytes() const;

  private:
    struct Chunk {
        std::unique_ptr<float[]> numbers;
        std::unique_ptr<std::int32_t[]> codes;
    };

    std::int64_t number_width_;
    std::int64_t code_width_ = 0;
    std::vector<std::int64_t> code_widths_;
    int chunk_shift_ = 0;
    std::int64_t chunk_mask_ = 0;
    std::vector<Chunk> chunks_;
    std::vector<std::vector<float>> targets_;
    std::vector<std::uint32_t> training_rows_;
    std::vector<std::uint32_t> validation_rows_;
    std::uint64_t chunk_bytes_ = 0;
};

}  // namespace tensile
