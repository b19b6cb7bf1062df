// Predictions as the column block of a PredictReply: for each output a double column, and for class outputs a text
// column with the label of the likeliest class. Knows no session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/model_family.h"
#include "protocol/column_block.h"

namespace tensile {

class PredictionBlock {
  public:
    // Lays the block out for the predictions of `rows` rows, which must outlive this.
    PredictionBlock(const Predictor& predictor, const PredictionColumns& predictions, std::uint32_t rows);

    std::size_t bytes() const { return layout_.heap_offset + heap_.size(); }
    // Writes the block into `target`, which has bytes() bytes at 8-byte alignment.
    void write(std::span<std::byte> target) const;

  private:
    using References = std::vector<protocol::TextReference>;
    References refer_to_labels(const Predictor& predictor, std::size_t output);
    protocol::TextReference append_label(std::span<const std::string> labels, std::int32_t code);

    const PredictionColumns& predictions_;
    std::uint32_t rows_;
    std::vector<bool> is_class_;          // by output
    std::vector<References> references_;  // by output, by row; empty for regressions
    std::string heap_;
    protocol::BlockLayout layout_;
};

}  // namespace tensile
