// See window_data.h.
#include "models/window_networks/window_data.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tensile {

WindowData::WindowData(const SeriesTable& table, const SeriesScaling& scaling, std::span<const CalendarCycle> cycles,
                       std::span<const SeriesScaling> covariate_scaling, std::int64_t first, std::int64_t ahead,
                       std::span<const Covariate> future)
    : series_(table.series()), steps_(table.steps - first + ahead) {
    const std::int64_t known = table.steps - first;
    filled_.resize(cell(series_, 0));
    present_.assign(filled_.size(), 0);
    for (std::int64_t step = 0; step < known; ++step)
        for (std::int64_t one = 0; one < series_; ++one) {
            const float value = table.at(first + step)[one];
            present_[cell(one, step)] = std::isnan(value) ? 0 : 1;
            filled_[cell(one, step)] = std::isnan(value) ? 0.0F : scaling.scaled(one, value);
        }
    for (std::int64_t one = 0; one < series_; ++one) {
        const auto begin = present_.begin() + static_cast<std::ptrdiff_t>(cell(one, 0));
        const std::int64_t first_present = std::find(begin, begin + steps_, 1) - begin;
        if (first_present == steps_) continue;
        float held = filled_[cell(one, first_present)];
        for (std::int64_t step = 0; step < steps_; ++step) {
            float& value = filled_[cell(one, step)];
            if (present(one, step)) held = value;
            value = held;
        }
    }
    if (ahead == 0 && std::ranges::find(present_, 0) == present_.end()) present_ = {};

    for (const CalendarCycle& cycle : cycles)
        for (std::int64_t step = 0; step < steps_; ++step)
            slots_.push_back(tensile::calendar_slot(cycle, table.axis, first + step));

    for (std::size_t i = 0; i < covariate_scaling.size(); ++i) {
        std::vector<float>& values = covariates_.emplace_back(filled_.size());
        for (std::int64_t step = 0; step < steps_; ++step)
            for (std::int64_t one = 0; one < series_; ++one) {
                float value = std::nanf("");
                if (step < known) {
                    value = table.covariates[i].values[static_cast<std::size_t>((first + step) * series_ + one)];
                } else if (!future.empty() &&
                           static_cast<std::size_t>((step - known + 1) * series_) <= future[i].values.size()) {
                    value = future[i].values[static_cast<std::size_t>((step - known) * series_ + one)];
                }
                values[cell(one, step)] = std::isnan(value) ? 0.0F : covariate_scaling[i].scaled(0, value);
            }
    }
}

std::int64_t WindowData::present_count(std::int64_t one, std::int64_t begin, std::int64_t end) const {
    if (present_.empty()) return end - begin;
    return std::accumulate(present_.begin() + static_cast<std::ptrdiff_t>(cell(one, begin)),
                           present_.begin() + static_cast<std::ptrdiff_t>(cell(one, end)), std::int64_t{0});
}

std::uint64_t WindowData::bytes() const {
    return filled_.size() * sizeof(float) * (1 + covariates_.size()) + present_.size() +
           slots_.size() * sizeof(std::int32_t);
}

}  // namespace tensile
