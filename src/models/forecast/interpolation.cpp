// See interpolation.h.
#include "models/forecast/interpolation.h"

#include <algorithm>
#include <cmath>

#include "models/forecast/series_panel.h"
#include "models/stop.h"

namespace tensile {

Imputation interpolate_gaps(const SeriesTable& table, const std::function<double(std::int64_t series)>& half_width,
                            const std::atomic<bool>* stop) {
    const SeriesPanel panel = panel_of(table, table.axis);
    Imputation imputation;
    for (std::int64_t series = 0; series < panel.series; ++series) {
        throw_if_stopped(stop);
        const std::span<const float> values = panel.of(series);
        const ObservedSpan observed = observed_span(values);
        const double unit = half_width(series);
        std::int64_t before = observed.first;
        for (std::int64_t after = observed.first + 1; after < observed.last; ++after) {
            if (std::isnan(values[static_cast<std::size_t>(after)])) continue;
            const double from = values[static_cast<std::size_t>(before)];
            const double to = values[static_cast<std::size_t>(after)];
            for (std::int64_t step = before + 1; step < after; ++step) {
                const double share = static_cast<double>(step - before) / static_cast<double>(after - before);
                const double mean = from + (to - from) * share;
                const double width = unit * std::sqrt(static_cast<double>(std::min(step - before, after - step)));
                imputation.cells.push_back({step, series, static_cast<float>(mean), static_cast<float>(mean - width),
                                            static_cast<float>(mean + width)});
            }
            before = after;
        }
    }
    std::ranges::sort(imputation.cells, [](const Imputation::Cell& left, const Imputation::Cell& right) {
        return std::pair(left.step, left.series) < std::pair(right.step, right.series);
    });
    return imputation;
}

}  // namespace tensile
