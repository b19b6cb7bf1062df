// See lag_shapes.h.
#include "models/linear_forecast/lag_shapes.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::int64_t kDaysPerWeek = 7;
constexpr std::array<double, 3> kRidges = {1e-5, 1e-3, 1e-1};
// The longest lag that is tried unasked: a Gram matrix has the square of it as its size.
constexpr std::int64_t kLongestLag = 1536;
// Cycles that a series must have shown before a profile is worth trying.
constexpr std::int64_t kCyclesSeen = 2;

std::vector<std::int64_t> first_lags(std::int64_t count) {
    std::vector<std::int64_t> lags;
    for (std::int64_t lag = 1; lag <= count; ++lag)
        lags.push_back(lag);
    return lags;
}

std::vector<std::int64_t> united(std::vector<std::int64_t> lags, std::initializer_list<std::int64_t> more) {
    lags.insert(lags.end(), more);
    std::erase_if(lags, [](std::int64_t lag) { return lag < 1 || lag > kLongestLag; });
    std::ranges::sort(lags);
    lags.erase(std::unique(lags.begin(), lags.end()), lags.end());
    return lags;
}

}  // namespace

std::int64_t LagShape::least_steps() const {
    return persistence ? 0
                       : std::max(2 * static_cast<std::int64_t>(lags.size()) + lags.back(), kCyclesSeen * cycle.period);
}

nlohmann::ordered_json LagShape::to_json() const {
    return {{"period", cycle.period},
            {"inner", cycle.inner},
            {"lags", lags},
            {"differenced", differenced},
            {"far", far},
            {"persistence", persistence},
            {"lambda", lambda}};
}

LagShape LagShape::from_json(const nlohmann::ordered_json& json) {
    LagShape shape;
    json.at("period").get_to(shape.cycle.period);
    json.at("inner").get_to(shape.cycle.inner);
    json.at("lags").get_to(shape.lags);
    json.at("differenced").get_to(shape.differenced);
    json.at("far").get_to(shape.far);
    json.at("persistence").get_to(shape.persistence);
    json.at("lambda").get_to(shape.lambda);
    return shape;
}

std::vector<LagShape> lag_shapes(std::int64_t season, std::int64_t long_season, std::int64_t steps,
                                 std::span<const std::int64_t> given) {
    const std::int64_t s = std::max<std::int64_t>(season, 1);
    const bool week = long_season > s && kCyclesSeen * long_season < steps;
    const std::int64_t w = week ? long_season : 1;

    std::vector<LagShape> shapes;
    const auto add = [&](Cycle cycle, const std::vector<std::int64_t>& lags, bool differenced, bool far) {
        for (const double lambda : kRidges) {
            LagShape shape{cycle, lags, differenced, false, far, lambda};
            if (shape.least_steps() < steps) shapes.push_back(shape);
        }
    };
    std::vector<std::vector<std::int64_t>> near;
    std::vector<std::vector<std::int64_t>> far;
    if (!given.empty()) {
        near.emplace_back(given.begin(), given.end());
        std::ranges::sort(near.back());
        near.back().erase(std::unique(near.back().begin(), near.back().end()), near.back().end());
    } else {
        for (const std::int64_t count : {2, 6, 24})
            near.push_back(first_lags(count));
        if (s > 1) {
            near.push_back(united(first_lags(8), {s - 1, s, s + 1, 2 * s}));
            near.push_back(united(first_lags(std::min<std::int64_t>(s, 48)), {s, s + 1, 2 * s}));
        }
        if (week) {
            far.push_back(united(first_lags(8), {s - 1, s, s + 1, 2 * s, w - 2, w - 1, w, w + 1, w + 2}));
            far.push_back(united(first_lags(std::min<std::int64_t>(s, 48)), {s, s + 1, 2 * s, w - 1, w, w + 1}));
        }
    }
    // Of a season that is too long to look back for, nothing is left but what is there already.
    std::erase_if(far, [&](const std::vector<std::int64_t>& lags) { return lags.back() <= 2 * s; });
    std::ranges::sort(near);
    near.erase(std::unique(near.begin(), near.end()), near.end());
    std::vector<Cycle> cycles = {{}};
    if (s > 1) cycles.push_back({s, 0});
    if (week) cycles.push_back({w, w % s == 0 && s > 1 ? s : 0});
    for (const Cycle& cycle : cycles) {
        for (const std::vector<std::int64_t>& lags : near) {
            add(cycle, lags, false, false);
            if (cycle.period == 0 && lags.front() == 1 && lags.size() > 1) add(cycle, lags, true, false);
        }
        // A week's profile leaves nothing for lags of a week to explain.
        if (cycle.period < w)
            for (const std::vector<std::int64_t>& lags : far)
                add(cycle, lags, false, true);
    }
    shapes.push_back({{}, {1}, false, true, false, 0});
    if (s > 1) shapes.push_back({{}, {s}, false, true, false, 0});
    return shapes;
}

std::int64_t long_season(const Options& options, const SeriesSettings& settings, const TimeStep& step) {
    const std::int64_t given = options.integer("long_season");
    if (given > 1 && given % std::max<std::int64_t>(settings.season, 1) != 0)
        throw Error(
            sqlstate::kInvalidParameterValue, "option \"long_season\" must be a multiple of the season",
            "The season is " + std::to_string(settings.season) + " steps, the long one " + std::to_string(given) + ".");
    if (given > 0) return given;
    const bool within_a_day = step.months == 0 && step.microseconds > 0 && step.microseconds < kMicrosecondsPerDay;
    return settings.season > 1 && within_a_day ? kDaysPerWeek * settings.season : 1;
}

}  // namespace tensile
