// Timestamps: calendar features in UTC. Channels, in this order:
//   1.    seconds since 2000-01-01, standardised on the training rows (kept within +-1e4)
//   2, 3  sine and cosine of the position in the year (day of the year)
//   4, 5  sine and cosine of the position in the month
//   6, 7  sine and cosine of the position in the week
//   8, 9  sine and cosine of the position in the day
//   10    if NULLs were seen in training: 1 when the value is missing, else 0
// A missing value (NULL, infinity) gives 0 everywhere else.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include "models/table/column_encoding.h"
#include "models/table/column_store.h"

namespace tensile {

class TimestampEncoding final : public ColumnEncoding {
  public:
    // Throws Error 57014 when `stop` (which may be null) is set meanwhile.
    static std::unique_ptr<TimestampEncoding> fit(const ColumnStore& column, std::span<const std::uint8_t> is_training,
                                                  const std::atomic<bool>* stop);
    static std::unique_ptr<TimestampEncoding> from_json(const nlohmann::ordered_json& json);

    int number_width() const override { return kCalendarChannels + (null_indicator_ ? 1 : 0); }
    void encode_numbers(const RawColumn& column, std::int64_t begin, std::int64_t end, float* out,
                        std::int64_t stride) const noexcept override;
    nlohmann::ordered_json to_json() const override;

  private:
    static constexpr int kCalendarChannels = 9;

    double mean_ = 0;
    double inverse_deviation_ = 0;
    bool null_indicator_ = false;
};

}  // namespace tensile
