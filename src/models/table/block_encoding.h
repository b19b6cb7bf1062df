// Arrays and vectors of fixed width: each element is a channel, standardised by its own mean and deviation in the
// training rows and kept within +-1e4; a missing element (NULL, NaN, infinity) gives 0. If a training row held a NULL
// array, a last channel is 1 for NULL arrays, else 0.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "models/table/column_encoding.h"
#include "models/table/column_store.h"

namespace tensile {

class BlockEncoding final : public ColumnEncoding {
  public:
    // Throws Error 57014 when `stop` (which may be null) is set meanwhile.
    static std::unique_ptr<BlockEncoding> fit(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                                              const std::atomic<bool>* stop);
    static std::unique_ptr<BlockEncoding> from_json(const nlohmann::ordered_json& json);

    int width() const { return static_cast<int>(means_.size()); }
    int number_width() const override { return width() + (null_indicator_ ? 1 : 0); }
    // A row of another width than the training rows' encodes as NULL; see TableEncoding::bind for the error.
    void encode_numbers(const RawColumn& column, std::int64_t begin, std::int64_t end, float* out,
                        std::int64_t stride) const noexcept override;
    nlohmann::ordered_json to_json() const override;

  private:
    std::vector<double> means_;
    std::vector<double> inverse_deviations_;
    bool null_indicator_ = false;
};

}  // namespace tensile
