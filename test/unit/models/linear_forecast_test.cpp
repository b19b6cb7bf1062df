// The closed forms through the contract of a forecasting method: known processes are recovered, bad series harm no
// others.
#include <algorithm>
#include <atomic>

#include "linear_fixture.h"
#include "models/linear_forecast/lag_shapes.h"
#include "models/linear_forecast/linear_methods.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using namespace tensile::testing;

double noise(std::int64_t series, std::int64_t step) {
    return random_normal(7, static_cast<std::uint64_t>(series), static_cast<std::uint64_t>(step));
}

// Stationary autoregressions of order 2 with noise of size 0.1 about a mean of 50.
SeriesTable second_order(std::int64_t series, std::int64_t steps) {
    std::vector<double> last(static_cast<std::size_t>(series));
    std::vector<double> before(static_cast<std::size_t>(series));
    return hourly_table(series, steps, [&](std::int64_t s, std::int64_t t) {
        const auto one = static_cast<std::size_t>(s);
        const double next = 1.5 * last[one] - 0.9 * before[one] + 0.1 * noise(s, t);
        before[one] = std::exchange(last[one], next);
        return 50 + next;
    });
}

double daily(std::int64_t series, std::int64_t step) {
    return 10 + static_cast<double>(series % 5) + 3 * std::sin(0.2617993878 * static_cast<double>(step + series));
}

const std::vector<const SeriesMethod*>& methods() {
    static const std::vector<const SeriesMethod*> all = {&linear_method(), &autoregression_method(),
                                                         &vector_autoregression_method()};
    return all;
}

TEST(Autoregression, RecoversAKnownProcess) {
    const SeriesTable table = second_order(3, 2000);
    const FittedMethod model = fitted(autoregression_method(), table, settings_of(1, 1), R"({"lags": [1, 2]})");
    // Errors one step ahead are as great as the noise, and the forecast is the conditional mean.
    EXPECT_NEAR(metric_of(*model.fit, "ar", "rmse"), 0.1, 0.01);
    const Forecast forecast = model.forecast(table, 2);
    for (std::int64_t s = 0; s < 3; ++s) {
        const double last = table.at(1999)[s] - 50;
        const double before = table.at(1998)[s] - 50;
        const double first = 1.5 * last - 0.9 * before;
        EXPECT_NEAR(forecast.mean[static_cast<std::size_t>(s)], 50 + first, 0.05);
        EXPECT_NEAR(forecast.mean[static_cast<std::size_t>(3 + s)], 50 + 1.5 * first - 0.9 * last, 0.1);
    }
}

TEST(Autoregression, LooksBackNoFurtherThanAGramMatrixCanBe) {
    // Minutes of a day and of a week.
    const std::vector<LagShape> shapes = lag_shapes(1440, 10080, 100000, {});
    std::int64_t longest = 0;
    bool weekly_profile = false;
    for (const LagShape& shape : shapes) {
        if (!shape.persistence) longest = std::max(longest, shape.lags.back());
        weekly_profile = weekly_profile || shape.cycle.period == 10080;
        EXPECT_TRUE(std::ranges::is_sorted(shape.lags));
    }
    EXPECT_EQ(longest, 1441);
    EXPECT_TRUE(weekly_profile);
    // A short history allows few shapes, and always the last value.
    const std::vector<LagShape> few = lag_shapes(24, 168, 3, {});
    ASSERT_EQ(few.size(), 2U);
    EXPECT_TRUE(few[0].persistence);
}

TEST(Autoregression, IntervalsHoldNewValues) {
    const SeriesTable all = second_order(5, 3000);
    SeriesTable learned = all;
    learned.steps = 1500;
    learned.values.resize(1500 * 5);
    const FittedMethod model = fitted(autoregression_method(), learned, settings_of(1, 6));
    int covered = 0;
    int count = 0;
    for (std::int64_t origin = 1500; origin + 6 <= 3000; origin += 6) {
        SeriesTable history = all;
        history.steps = origin;
        history.values.resize(static_cast<std::size_t>(origin * 5));
        const Forecast forecast = model.forecast(history, 6);
        for (std::size_t cell = 0; cell < forecast.mean.size(); ++cell) {
            const float truth = all.values[static_cast<std::size_t>(origin * 5) + cell];
            covered += forecast.lower[cell] <= truth && truth <= forecast.upper[cell] ? 1 : 0;
            ++count;
        }
    }
    EXPECT_NEAR(covered / static_cast<double>(count), 0.9, 0.03);
}

TEST(VectorAutoregression, UsesWhatOneSeriesSaysOfAnother) {
    // The second series repeats the first one step later.
    const SeriesTable table = hourly_table(2, 1000, [](std::int64_t s, std::int64_t t) {
        return s == 0 ? noise(0, t) : noise(0, t - 1) + 0.01 * noise(1, t);
    });
    const FittedMethod joint = fitted(vector_autoregression_method(), table, settings_of(1, 1), R"({"factors": [2]})");
    const Forecast forecast = joint.forecast(table, 1);
    EXPECT_NEAR(forecast.mean[1], table.at(999)[0], 0.15);
    const FittedMethod alone = fitted(autoregression_method(), table, settings_of(1, 1));
    EXPECT_LT(metric_of(*joint.fit, "var", "rmse"), 0.8 * metric_of(*alone.fit, "ar", "rmse"));
}

TEST(VectorAutoregression, RefusesTooManySeries) {
    const SeriesTable table =
        hourly_table(2001, 30, [](std::int64_t, std::int64_t t) { return static_cast<double>(t); });
    const Error error = error_of([&] { fitted(vector_autoregression_method(), table, settings_of(1, 2)); });
    EXPECT_EQ(error.sqlstate(), sqlstate::kProgramLimitExceeded);
    EXPECT_FALSE(error.hint().empty());
}

TEST(LinearMap, FindsTheMapThatMadeTheSeries) {
    const SeriesTable table = hourly_table(4, 600, daily);
    const FittedMethod model = fitted(linear_method(), table, settings_of(24, 12));
    const Forecast forecast = model.forecast(table, 60);  // fed back beyond the twelve
    for (std::int64_t h = 0; h < 60; ++h)
        for (std::int64_t s = 0; s < 4; ++s)
            EXPECT_NEAR(forecast.mean[static_cast<std::size_t>(h * 4 + s)], daily(s, 600 + h), 0.05);
}

TEST(ClosedForms, GiveTheSameBitsAgainAndAfterStorage) {
    const SeriesTable table =
        hourly_table(6, 400, [](std::int64_t s, std::int64_t t) { return daily(s, t) + 0.5 * noise(s, t); });
    for (const SeriesMethod* method : methods()) {
        const FittedMethod first = fitted(*method, table, settings_of(24, 24));
        const FittedMethod second = fitted(*method, table, settings_of(24, 24));
        EXPECT_EQ(first.weights, second.weights) << method->name();
        EXPECT_EQ(first.forecast(table, 30).mean, second.forecast(table, 30).mean) << method->name();
        const Error error = error_of([&] {
            method->load(first.fit->manifest(), std::span(first.weights).first(first.weights.size() / 2), table);
        });
        EXPECT_EQ(error.sqlstate(), sqlstate::kDataCorrupted) << method->name();
    }
}

TEST(ClosedForms, ForecastFromAHistoryThatBeginsElsewhere) {
    const SeriesTable table =
        hourly_table(3, 800, [](std::int64_t s, std::int64_t t) { return daily(s, t) + 0.1 * noise(s, t); });
    SeriesTable later = table;
    later.axis.start = 101 * kHour;
    later.steps = 699;
    later.values.erase(later.values.begin(), later.values.begin() + 101 * 3);
    for (const SeriesMethod* method : methods()) {
        const FittedMethod model = fitted(*method, table, settings_of(24, 12));
        const Forecast whole = model.forecast(table, 12);
        const Forecast part = model.forecast(later, 12);
        for (std::size_t cell = 0; cell < whole.mean.size(); ++cell)
            EXPECT_NEAR(part.mean[cell], whole.mean[cell], 1e-3) << method->name();
    }
}

TEST(ClosedForms, LearnFromSeriesWithGaps) {
    const auto value = [](std::int64_t s, std::int64_t t) {
        const bool missing = random_uniform(3, static_cast<std::uint64_t>(s), static_cast<std::uint64_t>(t)) < 0.2 ||
                             (s == 1 && t >= 300 && t < 350) || (s == 2 && t < 150) || (s == 3 && t >= 590);
        return missing ? static_cast<double>(kMissingValue) : daily(s, t) + 0.1 * noise(s, t);
    };
    const SeriesTable table = hourly_table(5, 600, value);
    for (const SeriesMethod* method : methods()) {
        const FittedMethod model = fitted(*method, table, settings_of(24, 12));
        const Forecast forecast = model.forecast(table, 12);
        for (std::int64_t h = 0; h < 12; ++h)
            for (std::int64_t s = 0; s < 5; ++s)
                EXPECT_NEAR(forecast.mean[static_cast<std::size_t>(h * 5 + s)], daily(s, 600 + h), 1.5)
                    << method->name() << " series " << s;
    }
}

TEST(ClosedForms, OneBadSeriesDoesNotStopTheRest) {
    // 0: usual; 1: constant; 2: three values only; 3: none; 4: usual.
    const auto value = [](std::int64_t s, std::int64_t t) {
        if (s == 1) return 4.0;
        if ((s == 2 && t < 497) || s == 3) return static_cast<double>(kMissingValue);
        return daily(s, t) + 0.1 * noise(s, t);
    };
    const SeriesTable table = hourly_table(5, 500, value);
    for (const SeriesMethod* method : methods()) {
        const FittedMethod model = fitted(*method, table, settings_of(24, 12));
        const Forecast forecast = model.forecast(table, 12);
        for (std::int64_t h = 0; h < 12; ++h) {
            const auto row = static_cast<std::size_t>(h * 5);
            EXPECT_NEAR(forecast.mean[row], daily(0, 500 + h), 1) << method->name();
            EXPECT_NEAR(forecast.mean[row + 1], 4, 1e-3) << method->name();
            EXPECT_TRUE(std::isfinite(forecast.mean[row + 2])) << method->name();
            EXPECT_TRUE(std::isnan(forecast.mean[row + 3])) << method->name();
            EXPECT_NEAR(forecast.mean[row + 4], daily(4, 500 + h), 1) << method->name();
            for (const std::size_t s : {0U, 1U, 2U, 4U}) {
                EXPECT_LE(forecast.lower[row + s], forecast.mean[row + s]) << method->name();
                EXPECT_GE(forecast.upper[row + s], forecast.mean[row + s]) << method->name();
            }
        }
    }
}

TEST(ClosedForms, ReportSeriesThatFallBack) {
    const SeriesTable table = hourly_table(3, 500, [](std::int64_t s, std::int64_t t) {
        return s == 1 && t < 497 ? static_cast<double>(kMissingValue) : daily(s, t) + 0.1 * noise(s, t);
    });
    const FittedMethod model = fitted(autoregression_method(), table, settings_of(24, 12));
    const std::vector<LogLine> log = model.fit->take_log();
    ASSERT_EQ(log.size(), 1U);
    EXPECT_EQ(log[0].metric, "fallback_series");
    EXPECT_EQ(log[0].value, 1);
}

TEST(ClosedForms, TakeTheShortestTablesAndRefuseShorterOnes) {
    for (const SeriesMethod* method : {&linear_method(), &autoregression_method()})
        for (const std::int64_t steps : {3, 4, 7, 12, 30}) {
            const SeriesTable table =
                hourly_table(2, steps, [](std::int64_t s, std::int64_t t) { return static_cast<double>(s + t % 3); });
            const FittedMethod model = fitted(*method, table, settings_of(24, 24));
            for (const float mean : model.forecast(table, 5).mean)
                EXPECT_TRUE(std::isfinite(mean)) << method->name() << " of " << steps;
        }
    const SeriesTable single = hourly_table(2, 1, [](std::int64_t, std::int64_t) { return 1.0; });
    for (const SeriesMethod* method : methods()) {
        const Error error = error_of([&] { fitted(*method, single, settings_of(24, 24)); });
        EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue) << method->name();
    }
}

TEST(ClosedForms, CountsStayAboveZeroAndUnstableOnesWithinReach) {
    const SeriesTable counts = hourly_table(1, 400, [](std::int64_t s, std::int64_t t) {
        return std::max(0.0, std::round(3 * std::sin(0.2617993878 * static_cast<double>(t)) + noise(s, t)));
    });
    // Grows by 3 % a step: an equation with a root outside the unit circle.
    const SeriesTable growth =
        hourly_table(1, 120, [](std::int64_t, std::int64_t t) { return std::pow(1.03, static_cast<double>(t)); });
    for (const SeriesMethod* method : {&linear_method(), &autoregression_method()}) {
        for (const float mean : fitted(*method, counts, settings_of(24, 24)).forecast(counts, 100).mean)
            EXPECT_GE(mean, 0) << method->name();
        const float greatest = growth.values.back();
        for (const float mean : fitted(*method, growth, settings_of(1, 10)).forecast(growth, 1000).mean)
            EXPECT_LE(mean, 2 * greatest) << method->name();
    }
}

TEST(ClosedForms, LearnWhatAKnownCovariateDoes) {
    // Promotions at random hours raise the value by 5.
    const auto promoted = [](std::int64_t t) { return random_uniform(11, 0, static_cast<std::uint64_t>(t)) < 0.1; };
    const auto value = [&](std::int64_t s, std::int64_t t) {
        return daily(s, t) + (promoted(t) ? 5 : 0) + 0.1 * noise(s, t);
    };
    SeriesTable table = hourly_table(2, 500, value);
    Covariate promotion{"promotion", {}};
    Covariate future{"promotion", {}};
    for (std::int64_t t = 0; t < 524; ++t)
        for (int s = 0; s < 2; ++s)
            (t < 500 ? promotion : future).values.push_back(promoted(t) ? 1.0F : 0.0F);
    table.covariates.push_back(promotion);
    for (const SeriesMethod* method : methods()) {
        const FittedMethod model = fitted(*method, table, settings_of(24, 24));
        const Forecast forecast = model.forecast(table, 24, std::span(&future, 1));
        double worst = 0;
        for (std::int64_t h = 0; h < 24; ++h)
            for (std::int64_t s = 0; s < 2; ++s)
                worst =
                    std::max(worst, std::abs(forecast.mean[static_cast<std::size_t>(h * 2 + s)] - value(s, 500 + h)));
        EXPECT_LT(worst, 1.5) << method->name();
        // Without the future of the covariate the forecast still comes.
        for (const float mean : model.forecast(table, 24).mean)
            EXPECT_TRUE(std::isfinite(mean)) << method->name();
    }
}

TEST(ClosedForms, EndSoonAfterAStop) {
    const SeriesTable table = hourly_table(3, 200, daily);
    const std::atomic<bool> stop{true};
    SeriesSettings settings = settings_of(24, 12);
    settings.stop = &stop;
    for (const SeriesMethod* method : methods()) {
        const Error error = error_of([&] { fitted(*method, table, settings); });
        EXPECT_EQ(error.sqlstate(), sqlstate::kQueryCanceled) << method->name();
    }
}

}  // namespace
}  // namespace tensile
