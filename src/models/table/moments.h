// Count, mean and spread of a column's finite values, computed in double by two passes in a fixed order.
#pragma once

#include <cmath>
#include <cstdint>

namespace tensile {

struct Moments {
    std::int64_t count = 0;
    std::int64_t infinite = 0;
    double mean = 0;
    double deviation = 0;  // biased standard deviation
    double kurtosis = 0;   // fourth standardized moment; 3 for a normal distribution, 0 when constant
};

// Factor that standardises: 1 / deviation, or 0 for a column that is constant or whose spread does not fit a double, so
// that it carries no information but does no harm either.
inline double inverse_deviation(double deviation) {
    const double inverse = 1 / deviation;
    return std::isfinite(inverse) ? inverse : 0;
}

// `for_each(visit)` calls visit(double) on each value of interest, NaN for missing ones, in the same order each time.
template <typename ForEach>
Moments moments_of(ForEach for_each) {
    Moments moments;
    double sum = 0;
    double least = 0;
    double greatest = 0;
    for_each([&](double value) {
        if (std::isfinite(value)) {
            if (moments.count == 0) least = greatest = value;
            if (value < least) least = value;
            if (value > greatest) greatest = value;
            sum += value;
            ++moments.count;
        } else if (std::isinf(value)) {
            ++moments.infinite;
        }
    });
    if (least == greatest) {  // constant or empty: exactly so, not up to rounding
        moments.mean = least;
        return moments;
    }
    const auto count = static_cast<double>(moments.count);
    moments.mean = sum / count;
    if (!std::isfinite(moments.mean)) {  // the sum overflowed, the mean cannot
        moments.mean = 0;
        for_each([&](double value) {
            if (std::isfinite(value)) moments.mean += value / count;
        });
    }
    double squares = 0;
    double fourths = 0;
    for_each([&](double value) {
        if (!std::isfinite(value)) return;
        const double square = (value - moments.mean) * (value - moments.mean);
        squares += square;
        fourths += square * square;
    });
    moments.deviation = std::sqrt(squares / count);
    if (squares > 0 && std::isfinite(fourths))
        moments.kurtosis = fourths / count / ((squares / count) * (squares / count));
    return moments;
}

}  // namespace tensile
