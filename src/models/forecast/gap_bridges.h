// Runs of a series without gaps, for equations that are learned from windows. Knows no equation.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace tensile {

// Replaces gaps of at most `longest` values between two observed ones by a straight line.
inline void bridge_gaps(std::span<double> values, std::int64_t longest) {
    std::size_t last = values.size();  // position of the last observed value; size(): none yet
    for (std::size_t t = 0; t < values.size(); ++t) {
        if (std::isnan(values[t])) continue;
        if (last < values.size() && t - last > 1 && static_cast<std::int64_t>(t - last - 1) <= longest)
            for (std::size_t gap = last + 1; gap < t; ++gap)
                values[gap] = values[last] + (values[t] - values[last]) * static_cast<double>(gap - last) /
                                                 static_cast<double>(t - last);
        last = t;
    }
}

// Calls visit(run) for each longest run without NaN, in order.
template <typename Visit>
void for_each_run(std::span<const double> values, const Visit& visit) {
    for (std::size_t begin = 0; begin < values.size();) {
        while (begin < values.size() && std::isnan(values[begin]))
            ++begin;
        std::size_t end = begin;
        while (end < values.size() && !std::isnan(values[end]))
            ++end;
        if (end > begin) visit(values.subspan(begin, end - begin));
        begin = end;
    }
}

}  // namespace tensile
