// What tests of forecasting networks share: synthetic tables of series, and fitting and forecasting with the reference
// interpreter.
#pragma once

#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/series/series_method.h"
#include "models/weight_layout.h"
#include "models/window_networks/network_methods.h"
#include "support/interpreted_job.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile::testing {

inline constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
inline constexpr std::int64_t kHourMicroseconds = 3'600'000'000;

// Hourly series with a cycle of `season` steps, each with a level, size and phase of its own, plus noise.
struct SeasonalTable {
    std::int64_t steps = 400;
    std::int64_t series = 3;
    std::int64_t season = 12;
    double noise = 0.1;

    double level(std::int64_t one) const { return 100.0 * static_cast<double>(one + 1); }
    double size(std::int64_t one) const { return 5.0 * static_cast<double>(one + 1); }
    double clean(std::int64_t step, std::int64_t one) const {
        const double turn = 2 * std::numbers::pi * static_cast<double>(step + 3 * one) / static_cast<double>(season);
        return level(one) + size(one) * (std::sin(turn) + 0.5 * std::sin(2 * turn + 1));
    }
    double value(std::int64_t step, std::int64_t one) const {
        return clean(step, one) +
               noise * size(one) * random_normal(17, static_cast<std::uint64_t>(one), static_cast<std::uint64_t>(step));
    }
    SeriesTable table() const {
        SeriesTable result;
        result.axis = {0, {0, kHourMicroseconds}};
        result.steps = steps;
        SeriesMode mode{"place", {}};
        for (std::int64_t one = 0; one < series; ++one) {
            mode.keys.push_back("place " + std::to_string(one));
            result.keys.push_back(static_cast<std::int32_t>(one));
        }
        result.modes = {mode};
        for (std::int64_t step = 0; step < steps; ++step)
            for (std::int64_t one = 0; one < series; ++one)
                result.values.push_back(static_cast<float>(value(step, one)));
        return result;
    }
};

// Hides cells at random, and a span of each series.
inline void hide_cells(SeriesTable& table, double share) {
    for (std::size_t i = 0; i < table.values.size(); ++i)
        if (random_uniform(23, 0, i) < share) table.values[i] = kMissing;
    for (std::int64_t one = 0; one < table.series(); ++one)
        for (std::int64_t step = 100 + one; step < 130; ++step)
            table.values[static_cast<std::size_t>(step * table.series() + one)] = kMissing;
}

inline const SeriesMethod& method_named(std::string_view name) {
    for (const SeriesMethod* method : window_network_methods())
        if (method->name() == name) return *method;
    throw InternalError("no such method");
}

inline std::unique_ptr<SeriesFit> start_fit(std::string_view method, const SeriesTable& table,
                                            const SeriesSettings& settings, std::string_view options,
                                            const SeriesMethod::Previous* previous = nullptr) {
    const SeriesMethod& named = method_named(method);
    return named.fit(table, settings, Options::parse(method, named.options(), options), previous);
}

// Weights as they are stored.
inline std::vector<std::byte> stored_weights(const Job& job, const std::map<std::string, HostTensor>& variables) {
    const WeightLayout layout = lay_out_weights(job.variables);
    std::vector<std::byte> bytes(layout.bytes);
    std::size_t next = 0;
    for (const Variable& variable : job.variables) {
        if (!variable.is_weight) continue;
        const HostTensor& tensor = variables.at(variable.name);
        std::memcpy(bytes.data() + layout.offsets[next++], tensor.bytes.data(), variable.type.bytes());
    }
    return bytes;
}

class InterpretedRunner final : public ForwardRunner {
  public:
    InterpretedRunner(const SeriesForecaster& forecaster, const std::map<std::string, HostTensor>& variables)
        : program_(forecaster.program(kCapacity)), variables_(variables) {}

    void run(std::int64_t rows, const Fill& fill, const Take& take) override {
        for (std::int64_t begin = 0; begin < rows; begin += kCapacity) {
            const std::int64_t count = std::min(kCapacity, rows - begin);
            interpret(
                program_, variables_, count, [&](std::span<const TensorView> inputs) { fill(begin, count, inputs); },
                [&](std::span<const TensorView> outputs) { take(begin, count, outputs); });
        }
    }

  private:
    static constexpr std::int64_t kCapacity = 16;
    Program program_;
    const std::map<std::string, HostTensor>& variables_;
};

// A method fitted with the interpreter, stored and loaded again.
struct FittedModel {
    FittedModel(std::string_view method, const SeriesTable& table, const SeriesSettings& settings,
                std::string_view options, const SeriesMethod::Previous* previous = nullptr)
        : fit(start_fit(method, table, settings, options, previous)), job(fit->job()) {
        job.run();
        // Through text, as it is stored.
        manifest = nlohmann::ordered_json::parse(fit->manifest().dump());
        host_weights = fit->host_weights();
        forecaster = method_named(method).load(manifest, host_weights, table);
    }
    Forecast forecast(const SeriesTable& history, std::int64_t horizon, double level = 0.9,
                      std::span<const Covariate> future = {}) {
        InterpretedRunner runner(*forecaster, job.variables());
        return forecaster->forecast(history, future, horizon, level, runner, nullptr);
    }
    double metric(std::string_view name) const {
        for (const TaskMetric& metric : fit->metrics())
            if (metric.name == name) return metric.value;
        throw InternalError("no such metric");
    }

    std::unique_ptr<SeriesFit> fit;
    InterpretedJob job;
    nlohmann::ordered_json manifest;
    std::vector<std::byte> host_weights;
    std::unique_ptr<SeriesForecaster> forecaster;
};

}  // namespace tensile::testing
