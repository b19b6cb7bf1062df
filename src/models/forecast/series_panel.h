// The values of a table of series, one series after the other, as methods that go through each series' past want them.
// Gaps stay NaN. Knows no method.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/series/series_table.h"

namespace tensile {

struct SeriesPanel {
    std::int64_t series = 0;
    std::int64_t steps = 0;   // with values
    std::int64_t future = 0;  // further steps that covariates are known for
    std::int64_t phase = 0;   // steps from the origin of time to step 0: what a cycle is counted from
    TimeStep step;
    std::vector<float> values;                   // [series, steps]
    std::vector<std::vector<float>> covariates;  // of each covariate [series, steps + future]

    std::span<const float> of(std::int64_t one) const {
        return std::span(values).subspan(static_cast<std::size_t>(one * steps), static_cast<std::size_t>(steps));
    }
    std::span<const float> covariate_of(std::size_t covariate, std::int64_t one) const {
        return std::span(covariates[covariate])
            .subspan(static_cast<std::size_t>(one * (steps + future)), static_cast<std::size_t>(steps + future));
    }
};

// `future` holds the table's covariates for `horizon` further steps, or is empty: then they are not known (NaN). The
// origin of time is the start of `fitted`, so that cycles of a table that begins elsewhere fall on the same hours.
SeriesPanel panel_of(const SeriesTable& table, const TimeAxis& fitted, std::span<const Covariate> future = {},
                     std::int64_t horizon = 0);

// First and one past the last observed step within the first `steps`; both 0 when there is none.
struct ObservedSpan {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t length() const { return last - first; }
};
ObservedSpan observed_span(std::span<const float> values);

}  // namespace tensile
