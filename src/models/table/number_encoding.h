// Numbers: standardised by mean and deviation of the training rows. Channels, in this order:
//   1. z = (x - mean) / deviation, kept within +-1e4; 0 when x is missing or the column was constant
//   2. for heavy-tailed columns (kurtosis of the training rows above kHeavyKurtosis): the standardised signed logarithm
//      l = sign(x - median) log(1 + |x - median| / spread), spread = mean of |x - median|, which tells small values
//      apart that channel 1 squeezes together; channel 1 is then kept within +-5, so that a rare huge value cannot
//      outweigh everything else
//   3. if NULLs were seen in training: 1 when x is missing, else 0
// NULL, NaN and the infinities are all missing values.
#pragma once

#include <atomic>
#include <memory>

#include "models/table/column_encoding.h"
#include "models/table/column_store.h"

namespace tensile {

inline constexpr double kHeavyKurtosis = 20;

class NumberEncoding final : public ColumnEncoding {
  public:
    // Throws Error 57014 when `stop` (which may be null) is set meanwhile.
    static std::unique_ptr<NumberEncoding> fit(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                                               const std::atomic<bool>* stop);
    static std::unique_ptr<NumberEncoding> from_json(const nlohmann::ordered_json& json);

    int number_width() const override { return 1 + (heavy_tailed_ ? 1 : 0) + (null_indicator_ ? 1 : 0); }
    void encode_numbers(const RawColumn& column, std::int64_t begin, std::int64_t end, float* out,
                        std::int64_t stride) const noexcept override;
    nlohmann::ordered_json to_json() const override;

  private:
    template <typename T>
    void encode(const T* values, const RawColumn& column, std::int64_t begin, std::int64_t end, float* out,
                std::int64_t stride) const noexcept;
    double logarithm(double value) const noexcept;

    double mean_ = 0;
    double inverse_deviation_ = 0;
    bool heavy_tailed_ = false;
    double median_ = 0;
    double inverse_spread_ = 0;
    double log_mean_ = 0;
    double log_inverse_deviation_ = 0;
    bool null_indicator_ = false;
    // For people only: what the training rows held.
    std::int64_t nulls_ = 0;
    std::int64_t not_finite_ = 0;
};

}  // namespace tensile
