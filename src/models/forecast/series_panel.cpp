// See series_panel.h.
#include "models/forecast/series_panel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tensile {

namespace {

// Copies [steps, series] to rows of `stride` steps, some rows at a time so that both sides stay in cache.
void transpose(std::span<const float> from, std::int64_t steps, std::int64_t series, std::int64_t stride,
               std::int64_t offset, std::span<float> to) {
    constexpr std::int64_t kTile = 32;
    for (std::int64_t t0 = 0; t0 < steps; t0 += kTile)
        for (std::int64_t s0 = 0; s0 < series; s0 += kTile)
            for (std::int64_t t = t0; t < std::min(steps, t0 + kTile); ++t)
                for (std::int64_t s = s0; s < std::min(series, s0 + kTile); ++s)
                    to[static_cast<std::size_t>(s * stride + offset + t)] =
                        from[static_cast<std::size_t>(t * series + s)];
}

}  // namespace

SeriesPanel panel_of(const SeriesTable& table, const TimeAxis& fitted, std::span<const Covariate> future,
                     std::int64_t horizon) {
    SeriesPanel panel;
    panel.series = table.series();
    panel.steps = table.steps;
    panel.future = table.covariates.empty() ? 0 : horizon;
    panel.phase = fitted.position(table.axis.start).index;
    panel.step = table.axis.step;
    panel.values.resize(table.values.size());
    transpose(table.values, table.steps, panel.series, table.steps, 0, panel.values);
    const std::int64_t stride = panel.steps + panel.future;
    for (std::size_t c = 0; c < table.covariates.size(); ++c) {
        std::vector<float>& values = panel.covariates.emplace_back(static_cast<std::size_t>(panel.series * stride),
                                                                   std::numeric_limits<float>::quiet_NaN());
        transpose(table.covariates[c].values, table.steps, panel.series, stride, 0, values);
        if (c < future.size()) transpose(future[c].values, horizon, panel.series, stride, panel.steps, values);
    }
    return panel;
}

ObservedSpan observed_span(std::span<const float> values) {
    const auto observed = [](float value) { return !std::isnan(value); };
    const auto first = std::ranges::find_if(values, observed);
    if (first == values.end()) return {};
    auto last = values.end();
    while (std::isnan(*(last - 1)))
        --last;
    return {first - values.begin(), last - values.begin()};
}

}  // namespace tensile
