// Networks beside closed forms in method "auto_forecast": the better one wins and alone is stored, a run that was
// interrupted gives the same bits, and what cannot be fitted is left out.
#include "models/auto_forecast/candidate_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/cpu/cpu_device.h"
#include "memory/tensor_pool.h"
#include "models/auto_forecast/auto_forecast_method.h"
#include "runtime/arbiter.h"
#include "runtime/job_runner.h"
#include "series_fixture.h"
#include "window_network_fixture.h"

namespace tensile {
namespace {

using namespace tensile::testing;
using ::testing::Each;
using ::testing::StartsWith;

SeriesSettings settings_of(std::int64_t season, std::int64_t horizon) {
    SeriesSettings settings;
    settings.season = season;
    settings.horizon = horizon;
    return settings;
}

std::unique_ptr<SeriesFit> fit(const SeriesTable& table, const SeriesSettings& settings, const std::string& candidates,
                               const SeriesMethod::Previous* previous = nullptr) {
    const SeriesMethod& method = auto_forecast_method();
    return method.fit(table, settings,
                      Options::parse("auto_forecast", method.options(), R"({"candidates": )" + candidates + "}"),
                      previous);
}

// NaN: none.
double metric_of(const SeriesFit& fit, const std::string& task, const std::string& name) {
    for (const TaskMetric& metric : fit.metrics())
        if (metric.task == task && metric.name == name) return metric.value;
    return kMissing;
}

// What a job's variables hold once the CPU has run it.
std::map<std::string, HostTensor> run_on_cpu(Job& job) {
    CpuDevice device(2);
    TensorPool pool(device, std::uint64_t{256} << 20);
    Arbiter arbiter(device);
    JobMemory memory(pool, ::testing::TempDir(), std::uint64_t{1} << 30, {minimum_bytes, plan_job});
    JobRunner runner(device, arbiter, job, "auto_forecast");
    runner.admit(memory, {1, 0, "train", "auto_forecast"}, std::nullopt, nullptr);
    runner.run(nullptr, {});
    std::map<std::string, HostTensor> contents;
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        HostTensor tensor = make_host_tensor<float>(job.variables[i].type);
        runner.read_variable(static_cast<int>(i), std::as_writable_bytes(std::span(tensor.bytes)));
        contents.emplace(job.variables[i].name, std::move(tensor));
    }
    return contents;
}

std::vector<std::string> weight_names(const Job& job) {
    std::vector<std::string> names;
    for (const Variable& variable : job.variables)
        if (variable.is_weight) names.push_back(variable.name);
    return names;
}

// The logistic map: the next value is a parabola of the last, so no linear forecast is better than the mean.
SeriesTable logistic_table() {
    SeriesTable table = SeasonalTable{.steps = 400, .series = 3}.table();
    for (std::int64_t one = 0; one < 3; ++one) {
        double x = 0.2 + 0.1 * static_cast<double>(one);
        for (std::int64_t step = 0; step < table.steps; ++step) {
            x = 3.99 * x * (1 - x);
            table.values[static_cast<std::size_t>(step * 3 + one)] = static_cast<float>(x);
        }
    }
    return table;
}

TEST(CandidateFit, ANetworkWinsWhatNoLinearFormCanFollow) {
    const SeriesTable table = logistic_table();
    const auto fitted = fit(table, settings_of(1, 1), R"(["ar", "linear", "naive", "stid", "nlinear"])");
    const std::map<std::string, HostTensor> variables = run_on_cpu(fitted->job());
    EXPECT_EQ(metric_of(*fitted, "stid", "chosen"), 1);
    EXPECT_TRUE(std::isnan(metric_of(*fitted, "nlinear", "chosen")));
    EXPECT_LT(metric_of(*fitted, "stid", "mase"), 0.8 * metric_of(*fitted, "closed_forms", "mase"));
    EXPECT_EQ(metric_of(*fitted, "auto_forecast", "mase"), metric_of(*fitted, "stid", "mase"));
    for (const char* candidate : {"ar", "linear", "naive", "closed_forms", "nlinear"})
        EXPECT_GT(metric_of(*fitted, candidate, "mase"), 0) << candidate;

    // Only the winner is stored, and it forecasts as it was judged: the truth, nearly.
    const std::vector<std::string> names = weight_names(fitted->job());
    EXPECT_FALSE(names.empty());
    EXPECT_THAT(names, Each(StartsWith("stid.")));
    const auto manifest = nlohmann::ordered_json::parse(fitted->manifest().dump());
    const auto forecaster = auto_forecast_method().load(manifest, fitted->host_weights(), table);
    ASSERT_EQ(forecaster->variables().size(), names.size());
    InterpretedRunner runner(*forecaster, variables);
    const Forecast forecast = forecaster->forecast(table, {}, 1, 0.9, runner, nullptr);
    const auto error = metric_of(*fitted, "stid", "rmse");
    for (std::size_t one = 0; one < 3; ++one) {
        const auto last = static_cast<double>(table.at(399)[one]);
        EXPECT_NEAR(forecast.mean[one], 3.99 * last * (1 - last), 4 * error) << one;
    }
}

TEST(CandidateFit, AClosedFormWinsWhatItDescribesExactly) {
    const SeriesTable table = SeasonalTable{.steps = 150, .series = 2, .noise = 0}.table();
    const auto fitted = fit(table, settings_of(12, 6), R"(["seasonal_naive", "naive", "nlinear"])");
    InterpretedJob(fitted->job()).run();
    EXPECT_EQ(metric_of(*fitted, "closed_forms", "chosen"), 1);
    // Seasonal naive makes no errors, so there is no mase to decide by.
    EXPECT_TRUE(std::isnan(metric_of(*fitted, "nlinear", "mase")));
    EXPECT_GT(metric_of(*fitted, "nlinear", "mae"), 1000 * metric_of(*fitted, "auto_forecast", "mae"));
    EXPECT_TRUE(weight_names(fitted->job()).empty());
    // Stored like a model of closed forms alone.
    const auto forecaster = auto_forecast_method().load(fitted->manifest(), fitted->host_weights(), table);
    EXPECT_TRUE(forecaster->variables().empty());
    NoRunner runner;
    const Forecast forecast = forecaster->forecast(table, {}, 12, 0.9, runner, nullptr);
    for (std::size_t i = 0; i < 24; ++i)
        EXPECT_NEAR(forecast.mean[i], table.values[138 * 2 + i], 1e-3);
}

TEST(CandidateFit, AnInterruptedRunEndsWithTheSameBits) {
    const SeriesTable table = SeasonalTable{.steps = 90, .series = 1}.table();
    const auto start = [&] { return fit(table, settings_of(12, 4), R"(["naive", "nlinear", "dlinear"])"); };
    const auto whole = start();
    InterpretedJob whole_job(whole->job());
    whole_job.run();
    const TrainingProgress progress = whole->progress();
    EXPECT_EQ(progress.epoch, progress.epochs);
    EXPECT_EQ(progress.step, progress.steps);
    for (int interrupted_at = 1; interrupted_at <= whole_job.steps(); interrupted_at += whole_job.steps() / 7) {
        const auto first = start();
        InterpretedJob first_job(first->job());
        for (int step = 0; step < interrupted_at; ++step)
            ASSERT_TRUE(first_job.step());
        const auto second = start();
        InterpretedJob second_job(second->job());
        second_job.variables() = first_job.variables();
        second->job().driver->restore_state(first->job().driver->save_state());
        second_job.run();
        for (auto& [name, tensor] : whole_job.variables())
            EXPECT_EQ(second_job.variables().at(name).bytes, tensor.bytes) << name << " " << interrupted_at;
        EXPECT_EQ(second->manifest(), whole->manifest()) << interrupted_at;
        EXPECT_EQ(second->host_weights(), whole->host_weights()) << interrupted_at;
        const auto rows = [](const SeriesFit& of) {
            std::vector<std::tuple<std::string, std::string, double>> list;
            for (const TaskMetric& metric : of.metrics())
                list.emplace_back(metric.task, metric.name, metric.value);
            return list;
        };
        EXPECT_EQ(rows(*second), rows(*whole)) << interrupted_at;
    }
}

TEST(CandidateFit, ARefreshGoesOnFromTheStoredNetwork) {
    const SeriesTable table = SeasonalTable{.steps = 150, .series = 2}.table();
    const auto first = fit(table, settings_of(12, 6), R"(["nlinear", "dlinear"])");
    InterpretedJob job(first->job());
    job.run();
    const auto stored = auto_forecast_method().load(first->manifest(), first->host_weights(), table);
    const std::vector<std::byte> weights = stored_weights(first->job(), job.variables());
    const SeriesMethod::Previous previous{*stored, weights};
    const auto again = fit(table, settings_of(12, 6), R"(["nlinear", "dlinear"])", &previous);
    InterpretedJob begun(again->job());
    ASSERT_FALSE(stored->variables().empty());
    for (const Variable& variable : stored->variables())
        EXPECT_EQ(begun.variables().at(variable.name).bytes, job.variables().at(variable.name).bytes) << variable.name;
}

TEST(CandidateFit, WhatCannotBeFittedIsLeftOutWithItsReason) {
    const SeriesTable table = SeasonalTable{.steps = 8, .series = 2}.table();
    const auto fitted = fit(table, settings_of(1, 24), R"(["naive", "net3"])");
    EXPECT_TRUE(fitted->job().programs.empty());
    EXPECT_EQ(metric_of(*fitted, "net3", "not fitted: series are too short for method net3"), 0);
    EXPECT_EQ(metric_of(*fitted, "closed_forms", "chosen"), 1);
    EXPECT_FALSE(fitted->progress().phase.empty());

    const Error error = error_of([&] { fit(table, settings_of(1, 24), R"(["net3"])"); });
    EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_NE(error.detail().find("series are too short for method net3"), std::string::npos);
}

TEST(CandidateFit, UnknownCandidatesAreRefusedWithAllNames) {
    const SeriesTable table = SeasonalTable{.steps = 60}.table();
    const Error error = error_of([&] { fit(table, settings_of(12, 4), R"(["stid", "prophet"])"); });
    EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
    for (const char* name : {"ar", "drift", "stid", "net3"})
        EXPECT_NE(error.hint().find("\"" + std::string(name) + "\""), std::string::npos) << name;
}

TEST(CandidateFit, AFamilyStoresAndServesTheWinner) {
    Observations rows;
    const SeasonalTable made{.steps = 150, .series = 2, .noise = 0.3};
    for (std::int64_t step = 0; step < made.steps; ++step)
        for (std::int64_t one = 0; one < made.series; ++one)
            rows.add(one == 0 ? "a" : "b", step * kHour, static_cast<float>(made.value(step, one)));
    const auto training =
        train_series(rows.table(), R"({"time": "ts", "season": 12, "horizon": 6, "candidates": ["naive", "nlinear"]})",
                     "auto_forecast");
    InterpretedJob job(training->job());
    job.run();
    const auto predictor = family_named("auto_forecast").load(training->manifest());
    ASSERT_FALSE(predictor->variables().empty());
    std::vector<std::byte> host_weights(training->host_weight_bytes());
    training->write_host_weights(host_weights);
    predictor->take_host_weights(host_weights);
    const SeriesForecaster& forecaster = predictor->as_series()->forecaster();
    InterpretedRunner runner(forecaster, job.variables());
    const Forecast forecast = forecaster.forecast(predictor->as_series()->table(), {}, 6, 0.9, runner, nullptr);
    for (std::size_t i = 0; i < 12; ++i)
        EXPECT_NEAR(forecast.mean[i], made.clean(150 + static_cast<std::int64_t>(i / 2), i % 2),
                    made.size(static_cast<std::int64_t>(i % 2)));
}

// Closed forms hold back a share that is rounded up, and at least a horizon.
TEST(CandidateFit, NetworksAreJudgedOnTheSpanOfTheClosedForms) {
    struct Case {
        std::int64_t steps;
        std::int64_t horizon;
        std::int64_t learned_from;
        std::int64_t origins;
    };
    for (const Case& one : {Case{150, 6, 120, 25}, Case{153, 6, 122, 26}, Case{60, 24, 36, 1}, Case{40, 24, 20, 1}}) {
        const SeriesTable table = SeasonalTable{.steps = one.steps, .series = 2}.table();
        const auto nlinear = fit(table, settings_of(12, one.horizon), R"(["nlinear"])");
        EXPECT_EQ(nlinear->manifest().at("model").at("training").at("validation_samples"), 2 * one.origins);
        const auto net3 = fit(table, settings_of(12, one.horizon), R"(["net3"])");
        EXPECT_EQ(net3->manifest().at("model").at("calibration_begin"), one.learned_from) << one.steps;
    }
}

// All cells of keys are wanted as soon as a tensor method takes part.
TEST(CandidateFit, ATensorMethodAsksForTheDenseTable) {
    const SeriesMethod& method = auto_forecast_method();
    const auto dense = [&](const char* options) {
        return method.needs_dense_table(Options::parse("auto_forecast", method.options(), options));
    };
    EXPECT_FALSE(dense("{}"));
    EXPECT_FALSE(dense(R"({"candidates": ["stid"]})"));
    EXPECT_TRUE(dense(R"({"candidates": ["stid", "net3"]})"));
}

}  // namespace
}  // namespace tensile
