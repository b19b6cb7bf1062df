// dlinear, nlinear, stid and patch_transformer: each learns a seasonal table better than the seasonal naive forecast,
// survives storage, forecasts beyond its horizon, covers what its intervals promise, and ignores what it may not see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "window_network_fixture.h"

namespace tensile {
namespace {

using namespace testing;

struct MethodCase {
    const char* method;
    const char* options;
};

constexpr MethodCase kCases[] = {
    {"dlinear", R"({"look_back": 36, "moving_average": 13, "epochs": 25, "learning_rate": 0.01})"},
    {"nlinear", R"({"look_back": 36, "epochs": 25, "learning_rate": 0.01})"},
    {"stid", R"({"look_back": 24, "width": 12, "layers": 1, "epochs": 25, "dropout": 0, "learning_rate": 0.01})"},
    {"patch_transformer",
     R"({"look_back": 36, "patch_length": 12, "patch_stride": 6, "width": 8, "heads": 2, "layers": 1, "epochs": 20,
         "feed_forward": 16, "dropout": 0, "learning_rate": 0.01, "epoch_samples": 300})"},
};

SeriesSettings settings() {
    SeriesSettings result;
    result.season = 12;
    result.horizon = 6;
    result.validation = 0.2;
    result.seed = 3;
    return result;
}

class WindowNetworks : public ::testing::TestWithParam<MethodCase> {};

TEST_P(WindowNetworks, BeatTheSeasonalNaiveForecast) {
    const SeasonalTable source{.steps = 400};
    const SeriesTable table = source.table();
    FittedModel model(GetParam().method, table, settings(), GetParam().options);

    // Forecasts of the six steps after histories of growing length, none of which was learned from.
    double squares = 0;
    double naive_squares = 0;
    std::int64_t covered = 0;
    std::int64_t cells = 0;
    for (std::int64_t more = 0; more < 20; ++more) {
        SeasonalTable longer = source;
        longer.steps = source.steps + more * 6;
        const Forecast forecast = model.forecast(longer.table(), 6);
        ASSERT_EQ(forecast.mean.size(), 18U);
        for (std::int64_t step = 0; step < 6; ++step)
            for (std::int64_t one = 0; one < 3; ++one) {
                const auto cell = static_cast<std::size_t>(step * 3 + one);
                const double truth = source.value(longer.steps + step, one);
                const double naive = source.value(longer.steps + step - 12, one);
                squares += std::pow((static_cast<double>(forecast.mean[cell]) - truth) / source.size(one), 2);
                naive_squares += std::pow((naive - truth) / source.size(one), 2);
                covered += static_cast<double>(forecast.lower[cell]) <= truth &&
                                   truth <= static_cast<double>(forecast.upper[cell])
                               ? 1
                               : 0;
                ++cells;
            }
    }
    EXPECT_LT(squares, 0.9 * naive_squares);
    EXPECT_GT(static_cast<double>(covered) / static_cast<double>(cells), 0.84);
    EXPECT_LT(static_cast<double>(covered) / static_cast<double>(cells), 0.96);
    EXPECT_LT(model.metric("rmse_scaled"), 0.3);
    EXPECT_GT(model.metric("rmse"), model.metric("mae"));
}

TEST_P(WindowNetworks, ForecastBeyondTheirHorizonByFeedingBack) {
    const SeriesTable table = SeasonalTable{.steps = 300}.table();
    FittedModel model(GetParam().method, table, settings(), GetParam().options);
    const Forecast six = model.forecast(table, 6);
    const Forecast three = model.forecast(table, 3);
    const Forecast twenty = model.forecast(table, 20);
    ASSERT_EQ(twenty.mean.size(), 60U);
    EXPECT_TRUE(std::equal(six.mean.begin(), six.mean.end(), twenty.mean.begin()));
    EXPECT_TRUE(std::equal(three.mean.begin(), three.mean.end(), six.mean.begin()));
    // Feeding back is the same as a history that ends with the forecast.
    SeriesTable longer = table;
    longer.steps += 6;
    longer.values.insert(longer.values.end(), six.mean.begin(), six.mean.end());
    const Forecast next = model.forecast(longer, 6);
    for (std::size_t i = 0; i < 18; ++i)
        EXPECT_NEAR(next.mean[i], twenty.mean[18 + i], 1e-3);
    // Errors do not shrink with the distance.
    for (std::size_t one = 0; one < 3; ++one)
        EXPECT_GE(twenty.upper[57 + one] - twenty.lower[57 + one],
                  0.999F * (six.upper[15 + one] - six.lower[15 + one]));
}

TEST_P(WindowNetworks, LearnFromSeriesWithMissingCells) {
    SeriesTable table = SeasonalTable{.steps = 400}.table();
    hide_cells(table, 0.2);
    // A series that starts late, and one without any value.
    for (std::int64_t step = 0; step < 50; ++step)
        table.values[static_cast<std::size_t>(step * 3 + 1)] = kMissing;
    for (std::int64_t step = 0; step < 400; ++step)
        table.values[static_cast<std::size_t>(step * 3 + 2)] = kMissing;
    FittedModel model(GetParam().method, table, settings(), GetParam().options);
    EXPECT_LT(model.metric("rmse_scaled"), 0.75);
    const Forecast forecast = model.forecast(table, 6);
    for (std::size_t cell = 0; cell < forecast.mean.size(); ++cell) {
        EXPECT_EQ(std::isnan(forecast.mean[cell]), cell % 3 == 2);
        if (cell % 3 == 2) continue;
        EXPECT_LT(forecast.lower[cell], forecast.upper[cell]);
    }

    InterpretedRunner runner(*model.forecaster, model.job.variables());
    const Imputation imputation = model.forecaster->impute(table, 0.9, runner, nullptr);
    std::int64_t gaps = 0;
    for (std::int64_t one = 0; one < 2; ++one) {
        std::int64_t first = -1;
        std::int64_t pending = 0;
        for (std::int64_t step = 0; step < 400; ++step) {
            if (std::isnan(table.at(step)[one])) {
                pending += first >= 0 ? 1 : 0;
                continue;
            }
            first = step;
            gaps += pending;
            pending = 0;
        }
    }
    ASSERT_EQ(static_cast<std::int64_t>(imputation.cells.size()), gaps);
    const SeasonalTable source{.steps = 400};
    double squares = 0;
    for (std::size_t i = 0; i < imputation.cells.size(); ++i) {
        const Imputation::Cell& cell = imputation.cells[i];
        EXPECT_TRUE(std::isnan(table.at(cell.step)[cell.series]));
        if (i > 0) {
            const Imputation::Cell& before = imputation.cells[i - 1];
            EXPECT_LT(std::pair(before.step, before.series), std::pair(cell.step, cell.series));
        }
        squares += std::pow(
            (static_cast<double>(cell.mean) - source.value(cell.step, cell.series)) / source.size(cell.series), 2);
    }
    EXPECT_LT(std::sqrt(squares / static_cast<double>(imputation.cells.size())), 0.6);
}

// What comes after the part that is fitted must not change the weights, unless it decides when to stop.
TEST_P(WindowNetworks, DoNotLearnFromTheValidationSpan) {
    SeriesTable table = SeasonalTable{.steps = 200}.table();
    auto options = nlohmann::json::parse(GetParam().options);
    options["epochs"] = 2;
    options["patience"] = 0;
    FittedModel first(GetParam().method, table, settings(), options.dump());
    for (std::size_t i = 160 * 3; i < table.values.size(); ++i)
        table.values[i] += 1000;
    FittedModel second(GetParam().method, table, settings(), options.dump());
    for (const auto& [name, tensor] : first.job.variables())
        EXPECT_EQ(tensor.bytes, second.job.variables().at(name).bytes) << name;
    EXPECT_GT(second.metric("rmse"), first.metric("rmse"));
}

TEST_P(WindowNetworks, GoOnWhereTheyWereInterrupted) {
    const SeriesTable table = SeasonalTable{.steps = 120}.table();
    auto options = nlohmann::json::parse(GetParam().options);
    options["epochs"] = 3;
    if (options.contains("dropout")) options["dropout"] = 0.2;
    FittedModel whole(GetParam().method, table, settings(), options.dump());
    for (const int interrupted_at : {1, whole.job.steps() / 2, whole.job.steps() - 1}) {
        const auto first = start_fit(GetParam().method, table, settings(), options.dump());
        InterpretedJob first_job(first->job());
        for (int step = 0; step < interrupted_at; ++step)
            first_job.step();
        const auto second = start_fit(GetParam().method, table, settings(), options.dump());
        InterpretedJob second_job(second->job());
        second_job.variables() = first_job.variables();
        second->job().driver->restore_state(first->job().driver->save_state());
        second_job.run();
        EXPECT_EQ(stored_weights(second->job(), second_job.variables()),
                  stored_weights(whole.fit->job(), whole.job.variables()));
        EXPECT_EQ(second->manifest(), whole.fit->manifest());
        EXPECT_EQ(second->host_weights(), whole.host_weights);
    }
}

TEST_P(WindowNetworks, ForecastQuantiles) {
    const SeriesTable table = SeasonalTable{.steps = 400}.table();
    auto options = nlohmann::json::parse(GetParam().options);
    options["loss"] = "quantile";
    options["quantiles"] = {10, 50, 90};
    FittedModel model(GetParam().method, table, settings(), options.dump());
    for (const double level : {0.8, 0.5}) {
        const Forecast forecast = model.forecast(table, 6, level);
        for (std::size_t cell = 0; cell < forecast.mean.size(); ++cell) {
            EXPECT_LE(forecast.lower[cell], forecast.mean[cell]);
            EXPECT_LE(forecast.mean[cell], forecast.upper[cell]);
            EXPECT_LT(forecast.lower[cell], forecast.upper[cell]);
        }
    }
    EXPECT_LT(model.metric("rmse_scaled"), 0.4);
}

TEST_P(WindowNetworks, GoOnFromStoredWeights) {
    const SeasonalTable source{.steps = 300};
    const SeriesTable table = source.table();
    FittedModel model(GetParam().method, table, settings(), GetParam().options);
    const std::vector<std::byte> weights = stored_weights(model.fit->job(), model.job.variables());
    const SeriesMethod::Previous previous{*model.forecaster, weights};
    auto options = nlohmann::json::parse(GetParam().options);
    options["epochs"] = 1;
    SeasonalTable longer = source;
    longer.steps = 330;
    const SeriesTable later = longer.table();
    const auto fit = start_fit(GetParam().method, later, settings(), options.dump(), &previous);
    const InterpretedJob job(fit->job());
    EXPECT_EQ(stored_weights(fit->job(), const_cast<InterpretedJob&>(job).variables()), weights);
    FittedModel refreshed(GetParam().method, later, settings(), options.dump(), &previous);
    FittedModel fresh(GetParam().method, later, settings(), options.dump());
    EXPECT_LT(refreshed.metric("rmse_scaled"), fresh.metric("rmse_scaled"));

    SeasonalTable other = source;
    other.series = 4;
    const SeriesTable wider = other.table();
    EXPECT_THROW(start_fit(GetParam().method, wider, settings(), options.dump(), &previous), Error);
}

INSTANTIATE_TEST_SUITE_P(All, WindowNetworks, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.method); });

// A covariate that decides about the value cannot be seen in the past of the series.
TEST(Stid, UsesCovariatesOfTheFuture) {
    SeriesTable table = SeasonalTable{.steps = 400, .noise = 0.05}.table();
    Covariate holiday{"holiday", {}};
    for (std::int64_t step = 0; step < 420; ++step) {
        const bool is_holiday = random_uniform(31, 0, static_cast<std::uint64_t>(step)) < 0.3;
        for (std::int64_t one = 0; one < 3; ++one)
            holiday.values.push_back(is_holiday ? 1.0F : 0.0F);
        for (std::int64_t one = 0; one < 3 && step < 400; ++one)
            if (is_holiday)
                table.values[static_cast<std::size_t>(step * 3 + one)] += 30.0F * static_cast<float>(one + 1);
    }
    std::vector<Covariate> future = {{"holiday", {holiday.values.begin() + 1200, holiday.values.end()}}};
    const SeriesTable without = table;
    table.covariates = {{"holiday", {holiday.values.begin(), holiday.values.begin() + 1200}}};
    constexpr const char* kOptions =
        R"({"look_back": 24, "width": 16, "layers": 1, "epochs": 40, "dropout": 0, "learning_rate": 0.01,
            "normalization": "none"})";
    FittedModel model("stid", table, settings(), kOptions);
    FittedModel blind("stid", without, settings(), kOptions);
    EXPECT_LT(model.metric("rmse_scaled"), 0.5 * blind.metric("rmse_scaled"));
    const Forecast informed = model.forecast(table, 6, 0.9, future);
    const SeasonalTable source{.steps = 400, .noise = 0};
    for (std::int64_t step = 0; step < 6; ++step)
        for (std::int64_t one = 0; one < 3; ++one) {
            const auto cell = static_cast<std::size_t>(step * 3 + one);
            const double shift = static_cast<double>(future[0].values[cell]) * 30.0 * static_cast<double>(one + 1);
            EXPECT_NEAR(informed.mean[cell], source.clean(400 + step, one) + shift, 9.0 * static_cast<double>(one + 1));
        }
    EXPECT_NE(informed.mean, model.forecast(table, 6).mean);
}

TEST(WindowNetworkMethods, SayWhatIsWrong) {
    const SeriesTable table = SeasonalTable{.steps = 60}.table();
    const auto message = [&](const char* method, const char* options) -> std::string {
        try {
            start_fit(method, table, settings(), options);
        } catch (const Error& error) {
            EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
            EXPECT_FALSE(error.detail().empty() && error.hint().empty() && error.message().empty());
            return error.message();
        }
        return "none";
    };
    EXPECT_THAT(message("dlinear", R"({"look_back": 48})"), ::testing::HasSubstr("too short"));
    EXPECT_THAT(message("dlinear", R"({"moving_average": 8})"), ::testing::HasSubstr("must be odd"));
    EXPECT_THAT(message("patch_transformer", R"({"width": 10, "heads": 4})"), ::testing::HasSubstr("multiple"));
    EXPECT_THAT(message("stid", R"({"loss": "quantile", "quantiles": [50, 50]})"), ::testing::HasSubstr("different"));
    EXPECT_THAT(message("stid", R"({"loss": "quantile", "quantiles": []})"), ::testing::HasSubstr("at least one"));
    const SeriesTable one_step = SeasonalTable{.steps = 1}.table();
    EXPECT_THROW(start_fit("nlinear", one_step, settings(), "{}"), Error);
    SeriesTable empty = table;
    empty.values.assign(empty.values.size(), kMissing);
    EXPECT_THROW(start_fit("nlinear", empty, settings(), "{}"), Error);
}

TEST(WindowNetworkMethods, ForecastAConstantSeriesAsItIs) {
    SeriesTable table = SeasonalTable{.steps = 120}.table();
    for (std::int64_t step = 0; step < 120; ++step)
        table.values[static_cast<std::size_t>(step * 3)] = 42;
    FittedModel model("nlinear", table, settings(), R"({"look_back": 24, "epochs": 3})");
    const Forecast forecast = model.forecast(table, 6);
    for (std::size_t step = 0; step < 6; ++step)
        EXPECT_NEAR(forecast.mean[step * 3], 42, 0.2);
}

TEST(WindowNetworkMethods, DescribeTheirOptions) {
    for (const SeriesMethod* method : window_network_methods()) {
        EXPECT_FALSE(method->help().empty());
        for (const OptionDeclaration& option : method->options())
            EXPECT_THAT(std::string(option.help), ::testing::EndsWith(".")) << method->name() << " " << option.name;
        EXPECT_NO_THROW(Options::parse(method->name(), method->options(), "{}"));
    }
}

TEST(WindowNetworkMethods, RejectDamagedModels) {
    const SeriesTable table = SeasonalTable{.steps = 120}.table();
    FittedModel model("dlinear", table, settings(), R"({"look_back": 12, "epochs": 1})");
    const SeriesMethod& method = method_named("dlinear");
    EXPECT_THROW(method.load(model.manifest, std::span(model.host_weights).first(40), table), Error);
    for (const char* key : {"network", "architecture", "weights"}) {
        nlohmann::ordered_json damaged = model.manifest;
        damaged.erase(key);
        EXPECT_THROW(method.load(damaged, model.host_weights, table), Error) << key;
    }
    nlohmann::ordered_json damaged = model.manifest;
    damaged["network"]["look_back"] = 13;
    EXPECT_THROW(method.load(damaged, model.host_weights, table), Error);
}

}  // namespace
}  // namespace tensile
