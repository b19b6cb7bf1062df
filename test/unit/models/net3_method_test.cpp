// Method net3 from a table to forecasts: it learns what one series tells about another, its bits do not depend on
// threads or memory, stored models forecast as before, and bad input is refused.
#include "models/net3/net3_method.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "device/cpu/cpu_device.h"
#include "memory/tensor_pool.h"
#include "models/net3/net3_options.h"
#include "runtime/arbiter.h"
#include "runtime/job_runner.h"
#include "series_fixture.h"
#include "support/interpreted_job.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Two modes of 3 and 2 keys. The second key of mode 1 holds what the first held two steps before, and a little noise.
SeriesTable delayed_table(std::int64_t steps, double gaps = 0) {
    SeriesTable table;
    table.axis.step.microseconds = 3600LL * 1000000;
    table.steps = steps;
    table.modes = {{"station", {"a", "b", "c"}}, {"kind", {"x", "y"}}};
    for (std::int32_t i = 0; i < 3; ++i)
        for (std::int32_t j = 0; j < 2; ++j)
            table.keys.insert(table.keys.end(), {i, j});
    const auto noise = [](std::int64_t step, std::int64_t station) {
        return random_normal(11, static_cast<std::uint64_t>(station), static_cast<std::uint64_t>(step + 10));
    };
    for (std::int64_t step = 0; step < steps; ++step)
        for (std::int64_t station = 0; station < 3; ++station)
            for (std::int64_t kind = 0; kind < 2; ++kind) {
                const double value = 10 + 3 * (noise(step - 2 * kind, station) +
                                               0.05 * random_normal(12, static_cast<std::uint64_t>(station),
                                                                    static_cast<std::uint64_t>(step)));
                const auto cell = static_cast<std::uint64_t>(table.values.size());
                table.values.push_back(random_uniform(13, 0, cell) < gaps ? kNan : static_cast<float>(value));
            }
    return table;
}

Options net3_options(const std::string& json) {
    return Options::parse("net3", net3_option_declarations(), json);
}

const std::string kQuick = R"({"epochs": 12, "window": 3, "features": 4, "hidden": 4, "patience": 0, "skip": "none",
                               "learning_rate": 0.02})";

const std::string kLong = R"({"epochs": 40, "window": 3, "features": 8, "hidden": 8, "patience": 0, "skip": "none",
                              "learning_rate": 0.02})";

SeriesSettings settings() {
    SeriesSettings settings;
    settings.seed = 3;
    settings.validation = 0.25;
    return settings;
}

std::vector<std::byte> weights_of(JobRunner& runner, const Job& job) {
    std::vector<std::byte> all;
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        if (!job.variables[i].is_weight) continue;
        std::vector<std::byte> bytes(job.variables[i].type.bytes());
        runner.read_variable(static_cast<int>(i), bytes);
        all.insert(all.end(), bytes.begin(), bytes.end());
    }
    return all;
}

struct Trained {
    std::vector<std::byte> weights;
    std::uint64_t comfortable = 0;
    std::uint64_t moved = 0;
};

Trained train(SeriesFit& fit, int threads, std::uint64_t pool_bytes = std::uint64_t{256} << 20) {
    CpuDevice device(threads);
    TensorPool pool(device, pool_bytes);
    Arbiter arbiter(device);
    JobMemory memory(pool, ::testing::TempDir(), std::uint64_t{1} << 30, {minimum_bytes, plan_job});
    JobRunner runner(device, arbiter, fit.job(), "net3");
    Trained result;
    result.comfortable = runner.extent_bytes();
    runner.admit(memory, {1, 0, "train", "net3"}, std::nullopt, nullptr);
    runner.run(nullptr, {});
    result.weights = weights_of(runner, fit.job());
    result.moved = runner.usage().moved.out_bytes;
    return result;
}

// The forward program of a forecaster on the reference interpreter.
class InterpretedRunner final : public ForwardRunner {
  public:
    InterpretedRunner(const SeriesForecaster& forecaster, std::span<const std::byte> weights)
        : program_(forecaster.program(kRows)) {
        std::size_t offset = 0;
        for (const Variable& variable : forecaster.variables()) {
            HostTensor& tensor =
                variables_.emplace(variable.name, make_host_tensor<float>(variable.type)).first->second;
            std::copy_n(weights.begin() + static_cast<std::ptrdiff_t>(offset), tensor.bytes.size(),
                        tensor.bytes.begin());
            offset += tensor.bytes.size();
        }
    }
    void run(std::int64_t rows, const Fill& fill, const Take& take) override {
        for (std::int64_t begin = 0; begin < rows; begin += kRows) {
            const std::int64_t count = std::min(kRows, rows - begin);
            testing::interpret(
                program_, variables_, count, [&](std::span<const TensorView> inputs) { fill(begin, count, inputs); },
                [&](std::span<const TensorView> outputs) { take(begin, count, outputs); });
        }
    }

  private:
    static constexpr std::int64_t kRows = 16;
    Program program_;
    std::map<std::string, HostTensor> variables_;
};

// From the rows of a query to a stored model and its forecasts, as the engine goes.
TEST(Net3Method, IsAFamilyOfModels) {
    testing::Observations rows;
    for (std::int64_t step = 0; step < 60; ++step) {
        const auto phase = static_cast<double>(step) * 0.5;
        rows.add("north", step * testing::kHour, static_cast<float>(20 + 5 * std::sin(phase)));
        rows.add("south", step * testing::kHour, static_cast<float>(30 - 5 * std::sin(phase)));
    }
    const auto training = testing::train_series(
        rows.table(), R"({"modes": ["station"], "epochs": 3, "horizon": 4, "compression": 0.5})", "net3");
    testing::InterpretedJob job(training->job());
    job.run();
    std::vector<std::byte> weights;
    for (const Variable& variable : training->job().variables)
        if (variable.is_weight) {
            const std::vector<std::byte>& bytes = job.variables().at(variable.name).bytes;
            weights.insert(weights.end(), bytes.begin(), bytes.end());
        }
    std::vector<std::byte> host_weights(training->host_weight_bytes());
    training->write_host_weights(host_weights);
    const auto predictor = family_named("net3").load(training->manifest());
    predictor->take_host_weights(host_weights);
    const SeriesPredictor& series = *predictor->as_series();
    InterpretedRunner runner(series.forecaster(), weights);
    const Forecast forecast = series.forecaster().forecast(series.table(), {}, 4, 0.9, runner, nullptr);
    for (std::size_t ahead = 0; ahead < 4; ++ahead) {
        const double expected = 5 * std::sin(static_cast<double>(60 + ahead) * 0.5);
        EXPECT_NEAR(forecast.mean[ahead * 2], 20 + expected, 1.0) << ahead;
        EXPECT_NEAR(forecast.mean[ahead * 2 + 1], 30 - expected, 1.0) << ahead;
    }
}

double metric(const SeriesFit& fit, const std::string& name) {
    for (const TaskMetric& each : fit.metrics())
        if (each.name == name) return each.value;
    return kNan;
}

TEST(Net3Method, LearnsWhatOneSeriesTellsAboutAnother) {
    const SeriesTable table = delayed_table(600);
    const auto fit = net3_method().fit(table, settings(), net3_options(kQuick), nullptr);
    train(*fit, 2);
    // Half of the series are noise that nothing foretells (variance 1), the others follow it (variance near 0).
    EXPECT_LT(metric(*fit, "standardized_rmse"), 0.85);
    EXPECT_GT(metric(*fit, "standardized_rmse"), 0.6);
    EXPECT_LT(metric(*fit, "mae"), metric(*fit, "rmse"));
}

TEST(Net3Method, BitsDependNeitherOnThreadsNorOnMemory) {
    const SeriesTable table = delayed_table(200, 0.1);
    // Much to keep between forward and backward pass, and too much work for one chain of ops.
    const Options wide = net3_options(R"({"epochs": 2, "features": 96, "hidden": 96, "window": 12, "batch_size": 75})");
    std::vector<std::byte> expected;
    std::uint64_t comfortable = 0;
    for (const int threads : {1, 2, 4}) {
        const auto fit = net3_method().fit(table, settings(), wide, nullptr);
        const Trained trained = train(*fit, threads);
        if (expected.empty()) expected = trained.weights;
        comfortable = trained.comfortable;
        EXPECT_TRUE(trained.weights == expected) << threads << " threads";
    }
    // Pools from too small on, until one suffices: it cannot hold everything at once.
    bool trained_under_pressure = false;
    for (std::uint64_t tenths = 5; tenths < 10 && !trained_under_pressure; ++tenths) {
        const auto fit = net3_method().fit(table, settings(), wide, nullptr);
        try {
            const Trained pressed = train(*fit, 2, comfortable * tenths / 10);
            EXPECT_TRUE(pressed.weights == expected);
            EXPECT_GT(pressed.moved, 0U);
            trained_under_pressure = true;
        } catch (const Error& error) {
            ASSERT_EQ(error.sqlstate(), sqlstate::kConfigurationLimitExceeded) << error.what();
        }
    }
    EXPECT_TRUE(trained_under_pressure);
}

TEST(Net3Method, AStoredModelForecastsAnyHorizonAndFillsGaps) {
    const SeriesTable table = delayed_table(600, 0.03);
    const auto fit = net3_method().fit(table, settings(), net3_options(kLong), nullptr);
    const Trained trained = train(*fit, 2);
    const auto manifest = nlohmann::ordered_json::parse(fit->manifest().dump());
    const auto forecaster = net3_method().load(manifest, fit->host_weights(), table);
    InterpretedRunner runner(*forecaster, trained.weights);

    const Forecast forecast = forecaster->forecast(table, {}, 5, 0.9, runner, nullptr);
    ASSERT_EQ(forecast.mean.size(), 30U);
    for (std::size_t i = 0; i < forecast.mean.size(); ++i) {
        EXPECT_LT(forecast.lower[i], forecast.mean[i]) << i;
        EXPECT_GT(forecast.upper[i], forecast.mean[i]) << i;
        EXPECT_TRUE(std::isfinite(forecast.upper[i])) << i;
    }
    // What "y" will hold in the next two steps "x" has told already; of "x" nothing is known but its mean of 10.
    const SeriesTable longer = delayed_table(602);
    for (std::size_t station = 0; station < 3; ++station) {
        for (std::size_t ahead = 0; ahead < 2; ++ahead) {
            if (std::isnan(table.values[(598 + ahead) * 6 + 2 * station])) continue;
            const std::size_t cell = ahead * 6 + 2 * station + 1;
            EXPECT_NEAR(forecast.mean[cell], longer.values[600 * 6 + cell], 2.0) << station << " " << ahead;
        }
        EXPECT_LT(forecast.upper[2 * station + 1] - forecast.lower[2 * station + 1],
                  (forecast.upper[2 * station] - forecast.lower[2 * station]) * 0.7F);
    }

    const Imputation imputation = forecaster->impute(table, 0.9, runner, nullptr);
    const SeriesTable complete = delayed_table(600);
    ASSERT_FALSE(imputation.cells.empty());
    double squares = 0;
    double inside = 0;
    std::pair<std::int64_t, std::int64_t> last{-1, -1};
    for (const Imputation::Cell& cell : imputation.cells) {
        const auto place = static_cast<std::size_t>(cell.step * 6 + cell.series);
        EXPECT_TRUE(std::isnan(table.values[place]));
        EXPECT_LT(last, std::pair(cell.step, cell.series));
        last = {cell.step, cell.series};
        const double error = static_cast<double>(cell.mean) - static_cast<double>(complete.values[place]);
        squares += error * error;
        inside += cell.lower <= complete.values[place] && complete.values[place] <= cell.upper ? 1 : 0;
    }
    const auto count = static_cast<double>(imputation.cells.size());
    EXPECT_LT(std::sqrt(squares / count), 3.2) << "no worse than the mean, although half of them are noise";
    EXPECT_GT(inside / count, 0.7);
}

TEST(Net3Method, GoesOnFromStoredWeights) {
    const SeriesTable table = delayed_table(300);
    const auto first = net3_method().fit(table, settings(), net3_options(kQuick), nullptr);
    const Trained trained = train(*first, 2);
    const auto stored = net3_method().load(first->manifest(), first->host_weights(), table);
    // Bytes as they are stored: each variable at a multiple of 64.
    std::vector<std::byte> aligned;
    std::size_t offset = 0;
    for (const Variable& variable : stored->variables()) {
        aligned.resize((aligned.size() + 63) / 64 * 64);
        const std::size_t bytes = variable.type.bytes();
        aligned.insert(aligned.end(), trained.weights.begin() + static_cast<std::ptrdiff_t>(offset),
                       trained.weights.begin() + static_cast<std::ptrdiff_t>(offset + bytes));
        offset += bytes;
    }
    aligned.resize((aligned.size() + 63) / 64 * 64);
    const SeriesMethod::Previous previous{*stored, aligned};
    std::string options = kQuick;
    options.replace(options.find("12"), 2, "1");
    const auto fresh = net3_method().fit(table, settings(), net3_options(options), nullptr);
    train(*fresh, 2);
    const auto again = net3_method().fit(table, settings(), net3_options(options), &previous);
    train(*again, 2);
    EXPECT_LT(metric(*again, "rmse"), metric(*fresh, "rmse"));
}

void expect_rejected(const SeriesTable& table, const std::string& options, const std::string& message) {
    try {
        net3_method().fit(table, settings(), net3_options(options), nullptr);
        ADD_FAILURE() << "accepted: " << message;
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()), message);
        EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
    }
}

TEST(Net3Method, RefusesWhatItCannotLearnFrom) {
    expect_rejected(delayed_table(5), "{}", "series are too short for method net3");
    SeriesTable empty = delayed_table(50);
    std::ranges::fill(empty.values, kNan);
    expect_rejected(empty, "{}", "series have no values to learn from");
    expect_rejected(delayed_table(50), R"({"graph_terms": ["town"]})",
                    "option \"graph_terms\" names no mode: \"town\"");
    expect_rejected(delayed_table(50), R"({"graph_terms": ["station*kind"], "graph_fallback": "none"})",
                    "option \"graph_terms\" names a mode without a graph: \"station\"");
}

TEST(Net3Method, ChoosesTermsCompressionAndHeadByTheTable) {
    const SeriesTable table = delayed_table(100);
    const Net3Table values(table, Net3Scaling::fit(table, 80));
    const auto architecture = [&](const std::string& options, std::int64_t windows = 80) {
        return net3_architecture(net3_options(options), table, values, 80, windows, nullptr);
    };
    using Terms = std::vector<std::vector<int>>;
    EXPECT_EQ(architecture("{}").terms, (Terms{{0}, {1}, {0, 1}}));
    EXPECT_EQ(architecture(R"({"graph_terms": ["single"]})").terms, (Terms{{0}, {1}}));
    EXPECT_EQ(architecture(R"({"graph_terms": ["kind*station", "kind"]})").terms, (Terms{{0, 1}, {1}}));
    EXPECT_TRUE(architecture(R"({"graph_terms": ["none"]})").graphs[0].empty());
    EXPECT_EQ(architecture(R"({"compression": 0.5})").compressed, (std::vector<std::int64_t>{2, 1}));
    EXPECT_FALSE(architecture(R"({"compression": 1})").compresses());
    EXPECT_TRUE(architecture("{}").shared_head);
    EXPECT_FALSE(architecture("{}", 10000).shared_head);
}

TEST(Net3Method, ConstantSeriesAndSeriesWithoutValuesDoNoHarm) {
    SeriesTable table = delayed_table(120);
    for (std::int64_t step = 0; step < table.steps; ++step) {
        table.values[static_cast<std::size_t>(step * 6)] = 7;
        table.values[static_cast<std::size_t>(step * 6 + 3)] = kNan;
    }
    const auto fit = net3_method().fit(table, settings(), net3_options(kQuick), nullptr);
    const Trained trained = train(*fit, 2);
    const auto forecaster = net3_method().load(fit->manifest(), fit->host_weights(), table);
    InterpretedRunner runner(*forecaster, trained.weights);
    const Forecast forecast = forecaster->forecast(table, {}, 2, 0.9, runner, nullptr);
    EXPECT_NEAR(forecast.mean[0], 7, 1.0);
    EXPECT_TRUE(std::isnan(forecast.mean[3]));
    EXPECT_TRUE(std::isfinite(forecast.mean[5]));
}

}  // namespace
}  // namespace tensile
