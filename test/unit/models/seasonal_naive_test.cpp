// Method seasonal_naive: which value it repeats, how wide its intervals are, and how it fills gaps.
#include "models/seasonal_naive/seasonal_naive.h"

#include <cmath>
#include <limits>
#include <memory>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "series_fixture.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using namespace testing;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// One hourly series a row of `values`.
SeriesTable table_of(const std::vector<std::vector<float>>& values) {
    SeriesTable table;
    table.axis = {0, {0, kHour}, 0};
    table.steps = static_cast<std::int64_t>(values.front().size());
    table.modes = {{"id", {}}};
    for (std::size_t i = 0; i < values.size(); ++i) {
        table.modes[0].keys.push_back(std::string(1, static_cast<char>('a' + i)));
        table.keys.push_back(static_cast<std::int32_t>(i));
    }
    for (std::size_t step = 0; step < values.front().size(); ++step)
        for (const std::vector<float>& series : values)
            table.values.push_back(series[step]);
    return table;
}

std::unique_ptr<SeriesForecaster> forecaster(std::int64_t season, const SeriesTable& table) {
    return seasonal_naive_method().load({{"season", season}}, {}, table);
}

Forecast forecast(std::int64_t season, const SeriesTable& table, std::int64_t horizon, double level = 0.9) {
    NoRunner runner;
    return forecaster(season, table)->forecast(table, {}, horizon, level, runner, nullptr);
}

TEST(SeasonalNaive, RepeatsTheLastKnownValueOfThePlaceInTheSeason) {
    const SeriesTable table =
        table_of({{1, 2, 3, 4, kNan, 6}, {kNan, kNan, kNan, kNan, kNan, kNan}, {9, kNan, 7, 8, kNan, kNan}});
    const Forecast result = forecast(3, table, 4);
    const auto mean = [&](std::size_t ahead, std::size_t series) { return result.mean[ahead * 3 + series]; };
    EXPECT_EQ(mean(0, 0), 4);
    EXPECT_EQ(mean(1, 0), 2);  // the place of the missing value, a season before it
    EXPECT_EQ(mean(2, 0), 6);
    EXPECT_EQ(mean(3, 0), 4);
    EXPECT_TRUE(std::isnan(mean(0, 1)));
    EXPECT_EQ(mean(0, 2), 8);
    EXPECT_EQ(mean(1, 2), 8);  // a place that never had a value: the last value
    EXPECT_EQ(mean(2, 2), 7);
    const Forecast naive = forecast(1, table, 2);
    EXPECT_EQ(naive.mean[0], 6);
    EXPECT_EQ(naive.mean[3], 6);
    EXPECT_EQ(naive.mean[2], 8);
}

TEST(SeasonalNaive, IntervalsAreQuantilesOfChangesOverAsManySeasons) {
    // Changes of 1, 2, ... 20 upwards: with 20 changes and level 0.9, ranks 1 and 20.
    std::vector<float> values = {0};
    for (int i = 1; i <= 20; ++i)
        values.push_back(values.back() + static_cast<float>(i));
    const SeriesTable table = table_of({values});
    const Forecast result = forecast(1, table, 2);
    EXPECT_EQ(result.mean[0], 210);
    EXPECT_EQ(result.upper[0], 230);
    EXPECT_EQ(result.lower[0], 210);  // all changes are upwards: the mean bounds it
    EXPECT_EQ(result.upper[1], 210 + 39);
    const Forecast half = forecast(1, table, 1, 0.5);
    EXPECT_EQ(half.upper[0], 226);  // rank ceil(21 * 0.75) = 16
}

TEST(SeasonalNaive, IntervalsCoverARandomWalk) {
    constexpr int kSeries = 400;
    constexpr int kHistory = 200;
    constexpr int kHorizon = 12;
    std::vector<std::vector<float>> history;
    std::vector<std::vector<float>> coming;
    for (int one = 0; one < kSeries; ++one) {
        std::vector<float> walk;
        double value = 0;
        for (int step = 0; step < kHistory + kHorizon; ++step) {
            value += random_normal(4, 0, static_cast<std::uint64_t>(one * 1000 + step));
            walk.push_back(static_cast<float>(value));
        }
        coming.emplace_back(walk.begin() + kHistory, walk.end());
        walk.resize(kHistory);
        history.push_back(std::move(walk));
    }
    SeriesTable table = table_of({std::vector<float>(kHistory, 0)});
    table.modes[0].keys.clear();
    table.keys.clear();
    table.values.clear();
    for (int one = 0; one < kSeries; ++one) {
        table.modes[0].keys.push_back(std::to_string(one));
        table.keys.push_back(one);
    }
    for (std::size_t step = 0; step < kHistory; ++step)
        for (const auto& series : history)
            table.values.push_back(series[step]);
    const Forecast result = forecast(1, table, kHorizon);
    int covered = 0;
    for (std::size_t h = 0; h < kHorizon; ++h)
        for (std::size_t one = 0; one < kSeries; ++one) {
            const float truth = coming[one][h];
            covered += truth >= result.lower[h * kSeries + one] && truth <= result.upper[h * kSeries + one] ? 1 : 0;
        }
    const double share = covered / static_cast<double>(kSeries * kHorizon);
    EXPECT_GT(share, 0.85);
    EXPECT_LT(share, 0.95);
}

TEST(SeasonalNaive, ShortSeriesHaveForecastsWithoutIntervals) {
    const Forecast result = forecast(24, table_of({{1, 2, 3}}), 2);
    EXPECT_EQ(result.mean[0], 3);
    EXPECT_TRUE(std::isnan(result.lower[0]));
    EXPECT_TRUE(std::isnan(result.upper[0]));
}

TEST(SeasonalNaive, GapsAreFilledBetweenSeasons) {
    //                                    0     1  2   3     4   5   6     7   8
    const SeriesTable table = table_of({{kNan, 10, 2, kNan, kNan, 4, kNan, 30, kNan}, {1, 2, 3, 4, 5, 6, 7, 8, 9}});
    NoRunner runner;
    const Imputation result = forecaster(3, table)->impute(table, 0.9, runner, nullptr);
    ASSERT_EQ(result.cells.size(), 3U);  // neither before the first nor behind the last value
    EXPECT_EQ(result.cells[0].step, 3);
    EXPECT_EQ(result.cells[0].series, 0);
    EXPECT_FLOAT_EQ(result.cells[0].mean, 2 + (4 - 2) / 3.0F);  // no value at its place in the season: its neighbours
    EXPECT_EQ(result.cells[1].step, 4);
    EXPECT_EQ(result.cells[1].mean, 20);  // between 10 and 30
    EXPECT_EQ(result.cells[2].step, 6);
    EXPECT_EQ(result.cells[2].mean, 17);  // between 4 and 30
}

TEST(SeasonalNaive, GapsAreWiderFarFromKnownValues) {
    std::vector<float> values;
    for (std::uint64_t i = 0; i < 500; ++i)
        values.push_back((values.empty() ? 0 : values.back()) + static_cast<float>(random_normal(6, 0, i)));
    for (std::size_t i = 200; i < 240; ++i)
        values[i] = kNan;
    const SeriesTable table = table_of({values});
    NoRunner runner;
    const Imputation result = forecaster(1, table)->impute(table, 0.9, runner, nullptr);
    ASSERT_EQ(result.cells.size(), 40U);
    const auto width = [&](std::size_t i) { return result.cells[i].upper - result.cells[i].lower; };
    EXPECT_GT(width(0), 0);
    EXPECT_GT(width(19), 2 * width(0));
    EXPECT_NEAR(width(0), width(39), 1e-4F);
}

TEST(SeasonalNaive, WorkStopsWhenAsked) {
    const SeriesTable table = table_of({{1, 2, 3}});
    const std::atomic<bool> stop = true;
    NoRunner runner;
    EXPECT_EQ(error_of([&] { forecaster(1, table)->forecast(table, {}, 1, 0.9, runner, &stop); }).sqlstate(),
              sqlstate::kQueryCanceled);
}

}  // namespace
}  // namespace tensile
