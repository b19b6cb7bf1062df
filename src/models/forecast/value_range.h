// Where forecasts of a series may lie: a fed-back equation that is not stable must not run away. Knows no method.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace tensile {

// One range of the observed values beyond both ends. A series of counts, which is never negative and touches zero
// several times, is not forecast below zero.
class ValueRange {
  public:
    ValueRange() = default;
    explicit ValueRange(std::span<const float> values) { extend(values); }

    void extend(std::span<const float> values) {
        for (const float value : values) {
            if (std::isnan(value)) continue;
            least_ = std::min<double>(least_, value);
            greatest_ = std::max<double>(greatest_, value);
            zeros_ += value == 0 ? 1 : 0;
        }
    }

    double clamp(double value) const {
        if (!(least_ <= greatest_)) return value;
        const double width = greatest_ - least_;
        const double low = least_ == 0 && zeros_ >= kTouches ? 0 : least_ - width;
        return std::isnan(value) ? low : std::clamp(value, low, greatest_ + width);
    }

  private:
    static constexpr int kTouches = 3;
    double least_ = std::numeric_limits<double>::infinity();
    double greatest_ = -std::numeric_limits<double>::infinity();
    int zeros_ = 0;
};

}  // namespace tensile
