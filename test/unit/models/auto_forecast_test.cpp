// Choosing among closed forms on the validation span.
#include "models/auto_forecast/auto_forecast.h"

#include <set>

#include "linear_fixture.h"
#include "models/forecast/pooled_choice.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using namespace tensile::testing;

double noise(std::int64_t series, std::int64_t step) {
    return random_normal(9, static_cast<std::uint64_t>(series), static_cast<std::uint64_t>(step));
}

// Even series repeat their days; odd ones walk at random.
SeriesTable mixed(std::int64_t series, std::int64_t steps) {
    std::vector<double> walks(static_cast<std::size_t>(series));
    return hourly_table(series, steps, [&](std::int64_t s, std::int64_t t) {
        walks[static_cast<std::size_t>(s)] += noise(s, t);
        return s % 2 == 0 ? 10 * noise(s, t % 24) + 0.1 * noise(s, t + 100000) : walks[static_cast<std::size_t>(s)];
    });
}

TEST(AutoForecast, GivesEverySeriesWhatSuitsIt) {
    const SeriesTable table = mixed(10, 600);
    const FittedMethod model = fitted(auto_forecast_method(), table, settings_of(24, 24),
                                      R"({"candidates": ["seasonal_naive", "naive"], "choice": "per_series"})");
    const Forecast forecast = model.forecast(table, 24);
    for (std::int64_t s = 0; s < 10; ++s)
        EXPECT_EQ(forecast.mean[static_cast<std::size_t>(50 + s)],
                  s % 2 == 0 ? table.at(600 - 24 + 5)[s] : table.at(599)[s])
            << "series " << s;
}

TEST(AutoForecast, SharedChoiceIsOneForAll) {
    const SeriesTable table = mixed(10, 600);
    const FittedMethod model = fitted(auto_forecast_method(), table, settings_of(24, 24),
                                      R"({"candidates": ["seasonal_naive", "naive"], "choice": "shared"})");
    EXPECT_EQ(model.fit->manifest()["model"]["candidates"].size(), 1U);
}

TEST(AutoForecast, ShowsTheScoresOfEveryCandidate) {
    const SeriesTable table = mixed(6, 500);
    const FittedMethod model = fitted(auto_forecast_method(), table, settings_of(24, 24));
    std::set<std::string> tasks;
    for (const TaskMetric& metric : model.fit->metrics())
        if (metric.name == "mase") tasks.insert(metric.task);
    EXPECT_EQ(tasks, (std::set<std::string>{"auto_forecast", "ar", "linear", "ar + linear", "seasonal_naive", "naive",
                                            "drift"}));
    for (const char* candidate : {"linear", "seasonal_naive", "naive", "drift"})
        EXPECT_LE(metric_of(*model.fit, "auto_forecast", "mase"), 1.02 * metric_of(*model.fit, candidate, "mase"));
}

TEST(AutoForecast, MeansOfTwoAreCandidatesToo) {
    const SeriesTable table = mixed(4, 500);
    for (const bool averages : {false, true}) {
        const FittedMethod model = fitted(
            auto_forecast_method(), table, settings_of(24, 24),
            std::string(R"({"candidates": ["ar", "linear", "naive"], "averages": )") + (averages ? "true}" : "false}"));
        std::set<std::string> tasks;
        for (const TaskMetric& metric : model.fit->metrics())
            tasks.insert(metric.task);
        EXPECT_EQ(tasks.contains("ar + linear"), averages);
        EXPECT_FALSE(tasks.contains("ar + naive"));
    }
}

TEST(AutoForecast, RefusesUnknownCandidates) {
    const SeriesTable table = mixed(2, 100);
    const Error error =
        error_of([&] { fitted(auto_forecast_method(), table, settings_of(24, 12), R"({"candidates": ["prophet"]})"); });
    EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_NE(error.hint().find("seasonal_naive"), std::string::npos);
}

TEST(AutoForecast, OneBadSeriesDoesNotStopTheRest) {
    const SeriesTable table = hourly_table(4, 300, [](std::int64_t s, std::int64_t t) {
        if (s == 1) return 2.0;
        if (s == 2 || (s == 3 && t < 298)) return static_cast<double>(kMissingValue);
        return 5 + std::sin(0.2617993878 * static_cast<double>(t));
    });
    const FittedMethod model = fitted(auto_forecast_method(), table, settings_of(24, 12));
    const Forecast forecast = model.forecast(table, 12);
    for (std::size_t h = 0; h < 12; ++h) {
        EXPECT_NEAR(forecast.mean[h * 4], 5 + std::sin(0.2617993878 * static_cast<double>(300 + h)), 0.1);
        EXPECT_NEAR(forecast.mean[h * 4 + 1], 2, 1e-3);
        EXPECT_TRUE(std::isnan(forecast.mean[h * 4 + 2]));
        EXPECT_TRUE(std::isfinite(forecast.mean[h * 4 + 3]));
    }
}

TEST(AutoForecast, ClosedFormsAreFamilies) {
    Observations rows;
    for (int t = 0; t < 200; ++t)
        for (const char* station : {"a", "b", "c"})
            rows.add(station, t * kHour,
                     static_cast<float>(5 + std::sin(0.2617993878 * t) + 0.1 * noise(station[0], t)));
    for (const char* method : {"auto_forecast", "ar", "linear", "var"}) {
        const auto training = train_series(rows.table(), R"({"time": "ts", "horizon": 12})", method);
        const auto loaded = stored_and_loaded(*training, method);
        EXPECT_GT(training->host_weight_bytes(), 0U) << method;
        bool scored = false;
        for (const TaskMetric& metric : training->metrics())
            scored = scored || (metric.task == method && metric.name == "mase" && metric.value < 1);
        EXPECT_TRUE(scored) << method;
    }
}

TEST(PooledChoice, WeighsOwnErrorsAndThoseOfAll) {
    // Alternative 1 is better for most, alternative 0 for the last series, and steadily so.
    ChoiceErrors errors(5, 2);
    for (std::int64_t s = 0; s < 5; ++s) {
        const bool last = s == 4;
        errors.set(s, 0, std::array<float, 2>{last ? 1.0F : 1.5F, last ? 1.0F : 1.5F});
        errors.set(s, 1, std::array<float, 2>{last ? 1.5F : 1.0F, last ? 1.5F : 1.0F});
    }
    EXPECT_EQ(choose_for_each(errors, 0).chosen, (std::vector<std::int32_t>{1, 1, 1, 1, 0}));
    EXPECT_EQ(choose_for_each(errors, 100).chosen, (std::vector<std::int32_t>{1, 1, 1, 1, 1}));
    const PooledChoice found = choose_for_each(errors, -1);
    EXPECT_EQ(found.chosen.back(), 0);
    EXPECT_EQ(found.optimism, 1);
}

TEST(PooledChoice, DoesNotTrustErrorsThatDoNotLast) {
    // What is best in the one half is worst in the other, but alternative 2 is always nearly best.
    ChoiceErrors errors(20, 3);
    for (std::int64_t s = 0; s < 20; ++s) {
        const float swing = s % 2 == 0 ? 1.0F : 1.8F;
        errors.set(s, 0, std::array<float, 2>{swing, 2.8F - swing});
        errors.set(s, 1, std::array<float, 2>{2.8F - swing, swing});
        errors.set(s, 2, std::array<float, 2>{1.1F, 1.1F});
    }
    const PooledChoice found = choose_for_each(errors, -1);
    EXPECT_GT(found.pooling, 0);
    EXPECT_EQ(found.chosen, std::vector<std::int32_t>(20, 2));
}

}  // namespace
}  // namespace tensile
