// What tests of closed forms share: tables made by a rule, and fitting, storing and loading a method.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "models/series/series_method.h"
#include "series_fixture.h"

namespace tensile::testing {

inline constexpr float kMissingValue = std::numeric_limits<float>::quiet_NaN();

// Hourly values of `series` series, value(series, step).
inline SeriesTable hourly_table(std::int64_t series, std::int64_t steps,
                                const std::function<double(std::int64_t, std::int64_t)>& value) {
    SeriesTable table;
    table.axis.step.microseconds = kHour;
    table.steps = steps;
    SeriesMode mode{"series", {}};
    for (std::int64_t s = 0; s < series; ++s) {
        mode.keys.push_back(std::to_string(s));
        table.keys.push_back(static_cast<std::int32_t>(s));
    }
    table.modes.push_back(mode);
    for (std::int64_t t = 0; t < steps; ++t)
        for (std::int64_t s = 0; s < series; ++s)
            table.values.push_back(static_cast<float>(value(s, t)));
    return table;
}

inline SeriesSettings settings_of(std::int64_t season, std::int64_t horizon) {
    SeriesSettings settings;
    settings.season = season;
    settings.horizon = horizon;
    return settings;
}

struct FittedMethod {
    std::unique_ptr<SeriesFit> fit;
    std::unique_ptr<SeriesForecaster> forecaster;
    std::vector<std::byte> weights;

    Forecast forecast(const SeriesTable& history, std::int64_t horizon, std::span<const Covariate> future = {}) const {
        NoRunner runner;
        return forecaster->forecast(history, future, horizon, 0.9, runner, nullptr);
    }
};

// Fits, stores as the family does (the manifest as text), and loads.
inline FittedMethod fitted(const SeriesMethod& method, const SeriesTable& table, const SeriesSettings& settings,
                           const std::string& options = "{}") {
    FittedMethod result;
    result.fit = method.fit(table, settings, Options::parse(method.name(), method.options(), options), nullptr);
    result.weights = result.fit->host_weights();
    const std::string stored = result.fit->manifest().dump();
    result.forecaster = method.load(nlohmann::ordered_json::parse(stored), result.weights, table);
    return result;
}

inline double metric_of(const SeriesFit& fit, const std::string& task, const std::string& name) {
    for (const TaskMetric& metric : fit.metrics())
        if (metric.task == task && metric.name == name) return metric.value;
    ADD_FAILURE() << "no metric " << name << " of " << task;
    return kMissingValue;
}

}  // namespace tensile::testing
