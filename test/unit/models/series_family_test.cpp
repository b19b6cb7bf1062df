// A forecasting method as a model family: from rows to a stored model, and forecasts of what was loaded again.
#include "models/series/series_family.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "models/seasonal_naive/seasonal_naive.h"
#include "series_fixture.h"

namespace tensile {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// Two stations, hourly, four days; "b" begins a day later.
Observations two_stations() {
    Observations rows;
    for (int hour = 0; hour < 96; ++hour) {
        rows.add("a", hour * kHour, static_cast<float>(hour % 24));
        if (hour >= 24) rows.add("b", hour * kHour, static_cast<float>(100 + hour % 24));
    }
    return rows;
}

TEST(SeriesFamily, ForecastsWhatWasStoredAndLoaded) {
    const SampleTable table = two_stations().table();
    const auto training = train_series(table);
    EXPECT_TRUE(training->job().programs.empty());
    EXPECT_EQ(training->row_counts().read, 168);
    const auto predictor = stored_and_loaded(*training);
    const SeriesPredictor* model = predictor->as_series();
    ASSERT_NE(model, nullptr);
    EXPECT_EQ(model->table().steps, 96);
    EXPECT_EQ(model->table().series(), 2);
    EXPECT_EQ(model->table().axis.step.to_string(), "1 hour");
    EXPECT_EQ(model->data().season, 24);
    EXPECT_TRUE(model->time_has_zone());
    EXPECT_EQ(model->report().series[1].first, 24);

    NoRunner runner;
    const Forecast forecast = model->forecaster().forecast(model->table(), {}, 30, 0.9, runner, nullptr);
    ASSERT_EQ(forecast.mean.size(), 60U);
    for (std::size_t h = 0; h < 30; ++h) {
        EXPECT_EQ(forecast.mean[2 * h], static_cast<float>(h % 24));
        EXPECT_EQ(forecast.mean[2 * h + 1], static_cast<float>(100 + h % 24));
        EXPECT_EQ(forecast.lower[2 * h], forecast.mean[2 * h]);
    }
}

}  // namespace
}  // namespace tensile
