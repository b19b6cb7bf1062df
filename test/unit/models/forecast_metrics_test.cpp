// Measures of forecasts against values worked out by hand.
#include "models/forecast/forecast_metrics.h"

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace tensile {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::map<std::string, double> named(const NamedForecastMetrics& metrics) {
    std::map<std::string, double> result;
    for (const auto& [name, value] : metrics)
        result[std::string(name)] = value;
    return result;
}

TEST(ForecastMetrics, ScalesByTheSeasonalNaiveErrorOfTheHistory) {
    const std::vector<float> history = {1, 5, 2, 7, 4, 5};
    EXPECT_DOUBLE_EQ(seasonal_naive_scale(history, 2), (1 + 2 + 2 + 2) / 4.0);
    EXPECT_DOUBLE_EQ(seasonal_naive_scale(history, 1), (4 + 3 + 5 + 3 + 1) / 5.0);
    EXPECT_TRUE(std::isnan(seasonal_naive_scale(history, 6)));
    const auto gap = static_cast<float>(kNone);
    EXPECT_DOUBLE_EQ(seasonal_naive_scale(std::vector<float>{1, gap, 4, 6, gap, 9}, 2), 3);
}

TEST(ForecastMetrics, AreTheMeansOverThePoints) {
    SeriesScore score(2.0);
    score.add(10, 8, kNone, kNone);
    score.add(4, 5, kNone, kNone);
    score.add(0, 0, kNone, kNone);
    score.add(kNone, 1, 0, 2);  // no truth
    score.add(1, kNone, kNone, kNone);
    const auto metrics = named(score.metrics());
    EXPECT_EQ(score.count(), 3);
    EXPECT_DOUBLE_EQ(metrics.at("rmse"), std::sqrt(5.0 / 3));
    EXPECT_DOUBLE_EQ(metrics.at("mae"), 1.0);
    EXPECT_DOUBLE_EQ(metrics.at("mase"), 0.5);
    EXPECT_NEAR(metrics.at("smape"), (200 * 2 / 18.0 + 200 * 1 / 9.0 + 0) / 3, 1e-12);
    EXPECT_FALSE(metrics.contains("crps"));
    EXPECT_FALSE(metrics.contains("coverage"));
}

TEST(ForecastMetrics, LeaveOutWhatIsUndefined) {
    EXPECT_TRUE(SeriesScore(1).metrics().empty());
    SeriesScore constant(0);
    constant.add(1, 1, 1, 1);
    const auto metrics = named(constant.metrics());
    EXPECT_FALSE(metrics.contains("mase"));
    EXPECT_EQ(metrics.at("coverage"), 1);
    EXPECT_EQ(metrics.at("crps"), 0);
}

TEST(ForecastMetrics, CountTheTruthsWithinTheBounds) {
    SeriesScore score(1);
    score.add(1, 1, 0, 2);
    score.add(2, 1, 0, 2);  // the bound itself is within
    score.add(2.5, 1, 0, 2);
    score.add(-1, 1, 0, 2);
    EXPECT_DOUBLE_EQ(named(score.metrics()).at("coverage"), 0.5);
}

TEST(ForecastMetrics, OverallMeansWeighSeriesEquallyOnlyWhereM4Does) {
    SeriesScore shorter(1);
    shorter.add(0, 3, kNone, kNone);
    SeriesScore longer(2);
    for (int i = 0; i < 3; ++i)
        longer.add(0, 1, kNone, kNone);
    ForecastScore overall;
    overall.add(shorter);
    overall.add(longer);
    const auto metrics = named(overall.metrics());
    EXPECT_DOUBLE_EQ(metrics.at("rmse"), std::sqrt(12.0 / 4));
    EXPECT_DOUBLE_EQ(metrics.at("mae"), 6.0 / 4);
    EXPECT_DOUBLE_EQ(metrics.at("mase"), (3 + 0.5) / 2);
    EXPECT_DOUBLE_EQ(metrics.at("smape"), 200);
}

TEST(ForecastMetrics, NormalQuantilesInvertTheDistribution) {
    EXPECT_NEAR(normal_quantile(0.5), 0, 1e-15);
    EXPECT_NEAR(normal_quantile(0.95), 1.6448536269514722, 1e-12);
    EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-12);
    for (const double probability : {1e-6, 0.01, 0.03, 0.2, 0.7, 0.99, 1 - 1e-6})
        EXPECT_NEAR(0.5 * std::erfc(-normal_quantile(probability) / std::sqrt(2.0)), probability, 1e-14);
}

TEST(ForecastMetrics, CrpsIsTheAbsoluteErrorWithoutSpreadAndThatOfANormalWithIt) {
    EXPECT_NEAR(crps(3, 1, 1, 1, 0.9), 2, 1e-12);
    EXPECT_NEAR(crps(-3, 1, 1, 1, 0.9), 4, 1e-12);
    // Of N(0, 1) at its mean: (sqrt 2 - 1) / sqrt pi = 0.2337; the grid leaves out the tails.
    const double edge = normal_quantile(0.95);
    EXPECT_NEAR(crps(0, 0, -edge, edge, 0.9), 0.2337, 0.005);
    // Nearer is better, and a spread that tells the truth beats none and a far too great one.
    EXPECT_LT(crps(1, 0, -edge, edge, 0.9), crps(2, 0, -edge, edge, 0.9));
    EXPECT_LT(crps(1, 0, -edge, edge, 0.9), crps(1, 0, 0, 0, 0.9));
    EXPECT_LT(crps(1, 0, -edge, edge, 0.9), crps(1, 0, -20, 20, 0.9));
}

}  // namespace
}  // namespace tensile
