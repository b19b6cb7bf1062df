// See seasonal_errors.h.
#include "models/seasonal_naive/seasonal_errors.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tensile {

namespace {

// The latest ones are enough for a quantile, and tell of the present.
constexpr std::size_t kMostErrors = 4096;
constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

SeasonalErrors::Interval scaled(SeasonalErrors::Interval interval, double factor) {
    return {static_cast<float>(static_cast<double>(interval.lower) * factor),
            static_cast<float>(static_cast<double>(interval.upper) * factor)};
}

}  // namespace

void SeasonalErrors::read(std::span<const float> values) {
    values_ = values;
    ahead_.fill(std::nullopt);
    between_.reset();
}

SeasonalErrors::Interval SeasonalErrors::interval_of_errors() {
    if (errors_.empty()) return {kUnknown, kUnknown};
    const auto count = static_cast<std::int64_t>(errors_.size());
    const auto ranked = [&](double rank) {
        const auto position = std::clamp<std::int64_t>(static_cast<std::int64_t>(rank) - 1, 0, count - 1);
        std::ranges::nth_element(errors_, errors_.begin() + position);
        return errors_[static_cast<std::size_t>(position)];
    };
    const double tail = (1 - level_) / 2;
    const auto ranks = static_cast<double>(count + 1);
    return {std::min(0.0F, ranked(std::floor(ranks * tail))), std::max(0.0F, ranked(std::ceil(ranks * (1 - tail))))};
}

SeasonalErrors::Interval SeasonalErrors::measured(std::int64_t seasons) {
    std::optional<Interval>& known = ahead_[static_cast<std::size_t>(seasons)];
    if (!known) {
        errors_.clear();
        const std::int64_t lag = seasons * season_;
        for (auto step = static_cast<std::int64_t>(values_.size()) - 1; step >= lag && errors_.size() < kMostErrors;
             --step) {
            const float change =
                values_[static_cast<std::size_t>(step)] - values_[static_cast<std::size_t>(step - lag)];
            if (!std::isnan(change)) errors_.push_back(change);
        }
        known = interval_of_errors();
    }
    return *known;
}

SeasonalErrors::Interval SeasonalErrors::ahead(std::int64_t seasons) {
    for (std::int64_t tried = std::min(seasons, kMostSeasons); tried >= 1; --tried) {
        const Interval interval = measured(tried);
        if (!std::isnan(interval.lower))
            return scaled(interval, std::sqrt(static_cast<double>(seasons) / static_cast<double>(tried)));
    }
    return {kUnknown, kUnknown};
}

SeasonalErrors::Interval SeasonalErrors::between(std::int64_t steps_behind, std::int64_t steps_before) {
    if (!between_) {
        errors_.clear();
        for (auto step = static_cast<std::int64_t>(values_.size()) - 1 - season_;
             step >= season_ && errors_.size() < kMostErrors; --step) {
            const auto at = [&](std::int64_t i) { return values_[static_cast<std::size_t>(i)]; };
            const float error = at(step) - (at(step - season_) + at(step + season_)) / 2;
            if (!std::isnan(error)) errors_.push_back(error);
        }
        between_ = interval_of_errors();
    }
    const auto behind = static_cast<double>(steps_behind);
    const auto before = static_cast<double>(steps_before);
    const double variance = behind * before / (behind + before);
    return scaled(*between_, std::sqrt(variance / (static_cast<double>(season_) / 2)));
}

}  // namespace tensile
