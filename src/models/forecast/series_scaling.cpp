// See series_scaling.h.
#include "models/forecast/series_scaling.h"

#include <cmath>

namespace tensile {

namespace {

// Deviations below this share of the mean are rounding errors of f32 values.
constexpr double kLeastRelativeDeviation = 1e-6;

}  // namespace

// Sums of differences to the first present value, so that a level far from 0 costs no digits.
SeriesScaling SeriesScaling::fit(std::span<const float> values, std::int64_t series, std::int64_t steps) {
    const auto width = static_cast<std::size_t>(series);
    std::vector<float> origin(width);
    std::vector<double> sum(width);
    std::vector<double> squares(width);
    std::vector<std::int64_t> count(width);
    for (std::size_t step = 0; step < static_cast<std::size_t>(steps); ++step) {
        const float* row = values.data() + step * width;
        for (std::size_t one = 0; one < width; ++one) {
            if (std::isnan(row[one])) continue;
            if (count[one]++ == 0) origin[one] = row[one];
            const double difference = static_cast<double>(row[one]) - static_cast<double>(origin[one]);
            sum[one] += difference;
            squares[one] += difference * difference;
        }
    }
    SeriesScaling scaling;
    scaling.mean.resize(width);
    scaling.deviation.assign(width, 1);
    for (std::size_t one = 0; one < width; ++one) {
        if (count[one] == 0) continue;
        const auto n = static_cast<double>(count[one]);
        const double shift = sum[one] / n;
        const double mean = static_cast<double>(origin[one]) + shift;
        const double deviation = std::sqrt(std::fmax(0, squares[one] / n - shift * shift));
        scaling.mean[one] = static_cast<float>(mean);
        if (deviation > kLeastRelativeDeviation * std::abs(mean))
            scaling.deviation[one] = static_cast<float>(deviation);
    }
    return scaling;
}

}  // namespace tensile
