// Tables of series made of rows: gaps, ragged ends, duplicates, times off the grid, limits; and their extension.
#include "models/series/series_builder.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "series_fixture.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

SeriesCollector collected(const SampleTable& table, std::string_view options = "{}") {
    const Options parsed = Options::parse("seasonal_naive", series_option_declarations(), options);
    SeriesCollector rows(SeriesColumns::resolve(SeriesOptions::from(parsed), {}, table.descriptions()));
    rows.append(table.rows());
    return rows;
}

SeriesData built(const SampleTable& table, const SeriesRules& rules = {}, std::string_view options = "{}") {
    return build_series(collected(table, options), rules, nullptr);
}

Error build_error(const SampleTable& table, const SeriesRules& rules = {}, std::string_view options = "{}") {
    return error_of([&] { built(table, rules, options); });
}

std::vector<float> column(const SeriesTable& table, std::int64_t series) {
    std::vector<float> values;
    for (std::int64_t step = 0; step < table.steps; ++step)
        values.push_back(table.at(step)[series]);
    return values;
}

std::vector<std::string> told(const std::vector<TaskMetric>& metrics) {
    std::vector<std::string> lines;
    for (const TaskMetric& metric : metrics)
        if (metric.value != 0) lines.push_back(metric.name + "=" + std::to_string(std::llround(metric.value)));
    return lines;
}

TEST(SeriesBuilder, GapsAndRaggedEndsBecomeMissingCells) {
    Observations rows;  // in no order
    rows.add("b", 5 * kHour, 25);
    rows.add("a", 0, 10);
    rows.add("b", 3 * kHour, 23);
    rows.add("a", 3 * kHour, 13);
    rows.add("a", 1 * kHour, 11);
    rows.add("b", 2 * kHour, 22);
    rows.add("c", 2 * kHour, 7);
    rows.add("c", 3 * kHour, 7);
    rows.add("c", 4 * kHour, 7);
    const SeriesData data = built(rows.table());
    const SeriesTable& table = data.table;
    EXPECT_EQ(table.axis.start, 0);
    EXPECT_EQ(table.axis.step, (TimeStep{0, kHour}));
    EXPECT_EQ(table.steps, 6);
    ASSERT_EQ(table.series(), 3);
    EXPECT_THAT(table.modes[0].keys, ElementsAre("a", "b", "c"));
    EXPECT_EQ(describe_series(table, 1), "station=b");
    EXPECT_THAT(column(table, 0), ElementsAre(10, 11, ::testing::IsNan(), 13, ::testing::IsNan(), ::testing::IsNan()));
    EXPECT_THAT(column(table, 1), ElementsAre(::testing::IsNan(), ::testing::IsNan(), 22, 23, ::testing::IsNan(), 25));
    const SeriesSummary& b = data.report.series[1];
    EXPECT_EQ(b.first, 2);
    EXPECT_EQ(b.last, 5);
    EXPECT_EQ(b.observed, 3);
    EXPECT_EQ(b.missing(), 1);
    EXPECT_EQ(b.status, SeriesStatus::kOk);
    EXPECT_EQ(data.report.series[2].status, SeriesStatus::kConstant);
    EXPECT_THAT(told(report_metrics(data.report, table)),
                ElementsAre("steps=6", "series=3", "cells_observed=9", "cells_missing=2", "series_late_start=2",
                            "series_early_end=2", "series_constant=1"));
}

TEST(SeriesBuilder, TheOrderOfRowsDoesNotMatter) {
    Observations sorted;
    for (int step = 0; step < 50; ++step)
        for (const char* key : {"x", "y", "z"})
            sorted.add(key, step * kDay, static_cast<float>(step * 3 + key[0]));
    Observations shuffled;
    std::vector<std::size_t> order(sorted.time.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    for (std::size_t i = order.size() - 1; i > 0; --i)
        std::swap(order[i], order[random_below(1, 0, i, static_cast<std::uint32_t>(i + 1))]);
    for (const std::size_t i : order)
        shuffled.add(sorted.station[i], sorted.time[i], sorted.value[i]);
    const SeriesData one = built(sorted.table());
    const SeriesData other = built(shuffled.table());
    EXPECT_EQ(one.table.values, other.table.values);
    EXPECT_EQ(one.table.modes[0].keys, other.table.modes[0].keys);
    EXPECT_EQ(one.season, 7);
}

TEST(SeriesBuilder, CombinationsThatOccurAreSeriesUnlessTheTableIsDense) {
    SampleTable table;
    table.add_time("ts", {0, kDay, 0, kDay, 0, kDay});
    table.add("site", std::vector<std::int32_t>{10, 10, 9, 9, 10, 10});
    table.add_text("kind", {"u", "u", "v", "v", "v", "v"});
    table.add("value", std::vector<float>{1, 2, 3, 4, 5, 6});
    const std::string_view options = R"({"modes": ["site", "kind"], "value": "value"})";
    const SeriesData sparse = built(table, {}, options);
    EXPECT_THAT(sparse.table.modes[0].keys, ElementsAre("10", "9"));  // ascending in bytes
    EXPECT_THAT(sparse.table.keys, ElementsAre(0, 0, 0, 1, 1, 1));
    EXPECT_THAT(sparse.table.values, ElementsAre(1, 5, 3, 2, 6, 4));
    SeriesRules rules;
    rules.dense = true;
    const SeriesData whole = built(table, rules, options);
    EXPECT_THAT(whole.table.keys, ElementsAre(0, 0, 0, 1, 1, 0, 1, 1));
    EXPECT_EQ(column(whole.table, 3), column(sparse.table, 2));
    EXPECT_EQ(whole.report.series[2].status, SeriesStatus::kNoValues);
    EXPECT_THAT(column(whole.table, 2), ElementsAre(::testing::IsNan(), ::testing::IsNan()));
    // The same by the function of the contract.
    const SeriesTable converted = dense(sparse.table, 100);
    EXPECT_EQ(converted.keys, whole.table.keys);
    EXPECT_EQ(column(converted, 1), column(whole.table, 1));
    EXPECT_EQ(error_of([&] { dense(sparse.table, 7); }).sqlstate(), sqlstate::kProgramLimitExceeded);
}

TEST(SeriesBuilder, ASeriesWithoutModesIsOne) {
    SampleTable table;
    table.add_time("ts", {2 * kDay, 0, kDay});
    table.add("value", std::vector<double>{3, 1, 2});
    const SeriesData data = built(table);
    EXPECT_EQ(data.table.series(), 1);
    EXPECT_THAT(data.table.values, ElementsAre(1, 2, 3));
}

TEST(SeriesBuilder, DuplicatesAreErrorsOrMerged) {
    Observations rows;
    for (int hour = 0; hour < 5; ++hour)
        rows.add("a", hour * kHour, 1);
    rows.add("a", 2 * kHour, 4);
    rows.add("a", 2 * kHour, 1);
    rows.add_null("a", 3 * kHour);
    const Error error = build_error(rows.table());
    EXPECT_EQ(error.sqlstate(), "21000");
    EXPECT_EQ(error.message(), "query returns more than one row for the same series and time");
    EXPECT_EQ(error.detail(), "The first is station=a at 2000-01-01 02:00:00; 3 rows too many in all.");
    EXPECT_THAT(error.hint(), HasSubstr(R"({"duplicates": "mean"})"));
    EXPECT_THAT(error.hint(), ::testing::Not(HasSubstr("clocks")));
    SeriesRules rules;
    rules.duplicates = DuplicateRule::kMean;
    EXPECT_THAT(column(built(rows.table(), rules).table, 0), ElementsAre(1, 1, 2, 1, 1));
    EXPECT_EQ(built(rows.table(), rules).report.duplicates_merged, 3);
    rules.duplicates = DuplicateRule::kSum;
    EXPECT_THAT(column(built(rows.table(), rules).table, 0), ElementsAre(1, 1, 6, 1, 1));

    // The hour that local clocks show twice.
    SampleTable local;
    std::vector<ColumnDescription> columns = {{"ts", "timestamp without time zone", ColumnMeaning::kTimestamp},
                                              {"value", "real", ColumnMeaning::kNumber}};
    local.add_time("ts", {0, kHour, 2 * kHour, 2 * kHour, 3 * kHour});
    local.add("value", std::vector<float>{1, 2, 3, 4, 5});
    SeriesCollector collector(SeriesColumns::resolve({}, {}, columns));
    collector.append(local.rows());
    EXPECT_THAT(error_of([&] { build_series(std::move(collector), {}, nullptr); }).hint(),
                HasSubstr("an hour of local time occurs twice"));
}

TEST(SeriesBuilder, TimesOffTheGridAreErrorsOrMoved) {
    Observations rows;
    for (int hour = 0; hour < 30; ++hour)
        rows.add("a", hour * kHour + (hour == 4 ? 40 * 60 * kSecond : 0), static_cast<float>(hour));
    const Error error = build_error(rows.table());
    EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(error.message(), "1 time of column \"ts\" lies between two points in time");
    EXPECT_EQ(error.detail(),
              "The first is station=a at 2000-01-01 04:40:00; points follow each other by 1 hour from 2000-01-01 "
              "00:00:00.");
    EXPECT_THAT(error.hint(), HasSubstr(R"({"irregular": "nearest"})"));
    SeriesRules rules;
    rules.irregular = IrregularRule::kFloor;
    const SeriesData floored = built(rows.table(), rules);
    EXPECT_EQ(floored.table.values[4], 4);
    EXPECT_EQ(floored.report.stamps_moved, 1);
    rules.irregular = IrregularRule::kNearest;
    EXPECT_EQ(build_error(rows.table(), rules).sqlstate(), "21000");  // moved onto the next value
    rules.duplicates = DuplicateRule::kMean;
    EXPECT_EQ(built(rows.table(), rules).table.values[5], 4.5F);

    // Midnight of a country that changes its clocks.
    Observations days;
    for (int number = 0; number < 200; ++number)
        days.add("a", number * kDay - (number < 90 ? 1 : 2) * kHour, 1);
    EXPECT_THAT(build_error(days.table()).hint(), HasSubstr("\"ts\" AT TIME ZONE"));
}

TEST(SeriesBuilder, MonthEndsAreRegular) {
    Observations rows;
    const TimeAxis ends{58 * kDay, {1, 0}, 31};  // 2000-02-28: no month's end; the axis is one of ends all the same
    for (int month = 0; month < 30; ++month)
        rows.add("a", ends.at(month), static_cast<float>(month));
    const SeriesData data = built(rows.table());
    EXPECT_EQ(data.table.steps, 30);
    EXPECT_EQ(data.season, 12);
    EXPECT_EQ(format_timestamp(data.table.axis.at(12)), "2001-02-28 00:00:00");
    EXPECT_EQ(format_timestamp(data.table.axis.at(30)), "2002-08-31 00:00:00");
}

TEST(SeriesBuilder, ValuesThatAreNoneAreCounted) {
    Observations rows;
    for (int hour = 0; hour < 6; ++hour)
        rows.add("a", hour * kHour, static_cast<float>(hour));
    rows.value[1] = kNan;
    rows.value[2] = kInfinity;
    rows.value[3] = -kInfinity;
    rows.value_nulls[4] = 1;
    rows.add("b", 0, kInfinity);
    rows.add("d", 5 * kHour, 1);
    const SeriesData data = built(rows.table());
    EXPECT_EQ(data.report.values_nan, 1);
    EXPECT_EQ(data.report.values_infinite, 3);
    EXPECT_EQ(data.report.values_null, 1);
    EXPECT_EQ(data.report.series[0].status, SeriesStatus::kHasInfinite);
    EXPECT_EQ(data.report.series[0].infinite, 2);
    EXPECT_EQ(data.report.series[1].status, SeriesStatus::kHasInfinite);
    EXPECT_EQ(data.report.series[1].observed, 0);
    EXPECT_EQ(data.report.series[2].status, SeriesStatus::kTooShort);
    for (const float value : data.table.values)
        EXPECT_FALSE(std::isinf(value));

    SampleTable beyond;  // finite as double precision, not as real
    beyond.add_time("ts", {0, kDay, 2 * kDay});
    beyond.add("value", std::vector<double>{1, 1e300, 2});
    EXPECT_EQ(built(beyond).report.values_infinite, 1);
}

TEST(SeriesBuilder, RowsThatMakeNoSeriesAreErrors) {
    EXPECT_EQ(build_error(Observations().table()).message(), "query returned no rows to learn series from");
    Observations once;
    once.add("a", kDay, 1);
    once.add("b", kDay, 2);
    const Error single = build_error(once.table());
    EXPECT_EQ(single.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(single.message(), "series have only one point in time");
    EXPECT_EQ(single.detail(), "All values are at 2000-01-02 00:00:00.");
    SeriesRules rules;
    rules.step = TimeStep{0, kHour};
    EXPECT_EQ(build_error(once.table(), rules).message(), "series have only one point in time");
    // A second time that has no value.
    once.add_null("a", 2 * kDay);
    EXPECT_EQ(build_error(once.table()).message(), "series have only one point in time");
    Observations none;
    none.add("a", 0, kNan);
    none.add("a", kDay, kInfinity);
    none.add_null("b", kDay);
    const Error empty = build_error(none.table());
    EXPECT_EQ(empty.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(empty.message(), "column \"value\" has no value in any row");
    EXPECT_EQ(empty.detail(), "Of 3 rows, 1 hold NULL, 1 NaN and 1 infinity.");
}

TEST(SeriesBuilder, NullAndInfiniteTimesAndNullKeysAreErrors) {
    const auto error = [](SampleTable::Nulls time_nulls, SampleTable::Nulls key_nulls, Timestamp second) {
        SampleTable table;
        table.add_time("ts", {0, second}, std::move(time_nulls));
        table.add_text("station", {"a", "a"}, std::move(key_nulls));
        table.add("value", std::vector<float>{1, 2});
        return error_of([&] { collected(table); });
    };
    EXPECT_EQ(error({0, 1}, {}, kDay).sqlstate(), "22004");
    EXPECT_EQ(error({0, 1}, {}, kDay).message(), "time column \"ts\" is NULL in a row");
    EXPECT_EQ(error({}, {0, 1}, kDay).sqlstate(), "22004");
    EXPECT_EQ(error({}, {0, 1}, kDay).message(), "key column \"station\" is NULL in a row");
    EXPECT_THAT(error({}, {0, 1}, kDay).hint(), HasSubstr("coalesce()"));
    EXPECT_EQ(error({}, {}, INT64_MAX).sqlstate(), "22008");
    EXPECT_EQ(error({}, {}, INT64_MIN).message(), "time column \"ts\" is infinite in a row");
    SampleTable real_keys;
    real_keys.add_time("ts", {0});
    real_keys.add("site", std::vector<double>{1.5});
    real_keys.add("value", std::vector<float>{1});
    const Error keys = error_of([&] { collected(real_keys, R"({"modes": ["site"]})"); });
    EXPECT_EQ(keys.sqlstate(), sqlstate::kDatatypeMismatch);
    EXPECT_EQ(keys.message(), "key column \"site\" does not hold keys");
}

TEST(SeriesBuilder, TablesThatAreTooLargeAreRefusedBeforeTheyAreMade) {
    Observations rows;  // 300,000 years of seconds
    rows.add("a", 0, 1);
    rows.add("a", kSecond, 1);
    rows.add("b", 8'000'000'000'000'000'000, 1);
    SeriesRules rules;
    rules.step = TimeStep{0, kSecond};
    const Error error = build_error(rows.table(), rules);
    EXPECT_EQ(error.sqlstate(), sqlstate::kProgramLimitExceeded);
    EXPECT_EQ(error.message(), "table of series is too large");
    EXPECT_EQ(error.detail(),
              "There are 2 series of 8000000000001 points that are 1 second apart; at most 67108864 cells are allowed "
              "for 3 rows.");
    EXPECT_THAT(error.hint(), HasSubstr("longer \"step\""));

    SampleTable wide;  // 70,000 x 70,000 keys
    std::vector<Timestamp> times;
    std::vector<std::int32_t> keys;
    for (std::int32_t key = 0; key < 70'000; ++key) {
        times.push_back(key % 2 * kDay);
        keys.push_back(key);
    }
    wide.add_time("ts", times);
    wide.add("left", keys);
    wide.add("right", keys);
    wide.add("value", std::vector<float>(keys.size(), 1));
    const std::string_view options = R"({"modes": ["left", "right"], "value": "value"})";
    EXPECT_EQ(built(wide, {}, options).table.series(), 70'000);
    rules.step = std::nullopt;
    rules.dense = true;
    const Error product = build_error(wide, rules, options);
    EXPECT_EQ(product.sqlstate(), sqlstate::kProgramLimitExceeded);
    EXPECT_THAT(product.hint(), HasSubstr("every combination of keys"));
}

TEST(SeriesBuilder, AMillionKeysAreKept) {
    constexpr std::int32_t kKeys = 1'000'000;
    SampleTable table;
    std::vector<Timestamp> times;
    std::vector<std::int32_t> keys;
    std::vector<float> values;
    for (int step = 0; step < 2; ++step)
        for (std::int32_t key = 0; key < kKeys; ++key) {
            times.push_back(step * kHour);
            keys.push_back(key);
            values.push_back(static_cast<float>(key) + static_cast<float>(step) / 2);
        }
    table.add_time("ts", std::move(times));
    table.add("id", std::move(keys));
    table.add("value", std::move(values));
    const SeriesData data = built(table, {}, R"({"modes": ["id"], "value": "value"})");
    EXPECT_EQ(data.table.series(), kKeys);
    EXPECT_EQ(data.table.modes[0].keys[1], "1");
    EXPECT_EQ(data.table.modes[0].keys[2], "10");
    EXPECT_EQ(data.table.at(1)[2], 10.5F);
    EXPECT_EQ(std::ranges::count(data.report.series, 2, &SeriesSummary::observed), kKeys);
}

TEST(SeriesBuilder, ARowTakesFewBytes) {
    SeriesCollector rows(SeriesColumns::resolve({}, {}, Observations().table().descriptions()));
    Observations block;
    for (int hour = 0; hour < 10'000; ++hour)
        for (const char* key : {"station one with a long name", "station two with a long name"})
            block.add(key, hour * kHour, 1);
    const SampleTable table = block.table();
    for (int i = 0; i < 50; ++i)
        rows.append(table.rows());
    EXPECT_EQ(rows.rows(), 1'000'000);
    EXPECT_EQ(rows.series(), 2U);
    EXPECT_LT(rows.bytes(), 17U * 1'000'000U);
}

TEST(SeriesBuilder, LastWorkingDaysCanBeMovedToMonthEnds) {
    Observations rows;
    for (int month = 0; month < 36; ++month) {
        Timestamp last = TimeAxis{0, {1, 0}, 31}.at(month);
        while (last / kDay % 7 < 2)
            last -= kDay;
        rows.add("a", last, static_cast<float>(month));
    }
    EXPECT_THAT(build_error(rows.table()).detail(), HasSubstr("points follow each other by 1 month"));
    SeriesRules rules;
    rules.irregular = IrregularRule::kNearest;
    const SeriesData data = built(rows.table(), rules);
    EXPECT_EQ(data.table.steps, 36);
    EXPECT_EQ(data.report.series[0].missing(), 0);
    EXPECT_EQ(format_timestamp(data.table.axis.at(1)), "2000-02-29 00:00:00");
}

TEST(SeriesBuilder, WorkStopsWhenAsked) {
    Observations rows;
    for (int hour = 0; hour < 300'000; ++hour)
        rows.add("a", hour * kHour, 1);
    const std::atomic<bool> stop = true;
    SeriesCollector collector = collected(rows.table());
    EXPECT_EQ(error_of([&] { build_series(std::move(collector), {}, &stop); }).sqlstate(), sqlstate::kQueryCanceled);
}

// Daily values of two series with a covariate that is known two days longer.
SampleTable with_future() {
    SampleTable table;
    table.add_time("ts", {0, kDay, 2 * kDay, 3 * kDay, 4 * kDay, 0, kDay, 2 * kDay, 3 * kDay, 4 * kDay});
    table.add_text("station", {"a", "a", "a", "a", "a", "b", "b", "b", "b", "b"});
    table.add("value", std::vector<float>{1, 2, 3, 0, 0, 4, 5, 6, 0, 0}, {0, 0, 0, 1, 1, 0, 0, 0, 1, 1});
    table.add("price", std::vector<float>{10, 11, 12, 13, 14, 20, 21, 22, 23, 24});
    return table;
}

constexpr std::string_view kWithPrice = R"({"value": "value"})";

TEST(SeriesBuilder, RowsBehindTheLastValueDescribeTheFuture) {
    const SeriesData data = built(with_future(), {}, kWithPrice);
    EXPECT_EQ(data.table.steps, 3);
    EXPECT_EQ(data.future_steps, 2);
    ASSERT_EQ(data.table.covariates.size(), 1U);
    EXPECT_THAT(data.table.covariates[0].values, ElementsAre(10, 20, 11, 21, 12, 22));
    EXPECT_THAT(data.future[0].values, ElementsAre(13, 23, 14, 24));
    // Without covariates such rows say nothing.
    Observations rows;
    rows.add_null("a", 0);
    rows.add("a", kDay, 1);
    rows.add("a", 2 * kDay, 2);
    rows.add_null("a", 5 * kDay);
    const SeriesData trimmed = built(rows.table());
    EXPECT_EQ(trimmed.table.axis.start, kDay);
    EXPECT_EQ(trimmed.table.steps, 2);
    EXPECT_EQ(trimmed.future_steps, 0);
    EXPECT_EQ(trimmed.report.steps_trimmed, 4);
}

TEST(SeriesBuilder, FreshRowsExtendATable) {
    const SeriesData known = built(with_future(), {}, kWithPrice);
    SampleTable fresh;
    fresh.add_time("ts", {2 * kDay, 3 * kDay, 5 * kDay, 4 * kDay});
    fresh.add_text("station", {"b", "b", "b", "a"});
    fresh.add("value", std::vector<float>{60, 7, 0, 0}, {0, 0, 1, 1});
    fresh.add("price", std::vector<float>{22, 99, 25, 0}, {0, 0, 0, 1});
    const SeriesData data = extend_series(known, collected(fresh, kWithPrice), {}, nullptr);
    EXPECT_EQ(data.table.steps, 4);
    EXPECT_THAT(column(data.table, 0), ElementsAre(1, 2, 3, ::testing::IsNan()));
    EXPECT_THAT(column(data.table, 1), ElementsAre(4, 5, 60, 7));
    // What was the future and has come; what was known of the rest; and what is new.
    EXPECT_THAT(data.table.covariates[0].values, ElementsAre(10, 20, 11, 21, 12, 22, 13, 99));
    EXPECT_EQ(data.future_steps, 2);
    EXPECT_THAT(data.future[0].values, ElementsAre(14, 24, ::testing::IsNan(), 25));
    EXPECT_EQ(data.report.series[0].missing(), 0);
    EXPECT_EQ(data.report.series[1].last, 3);
}

TEST(SeriesBuilder, FreshRowsMustBelongToTheTable) {
    Observations rows;
    for (int number = 10; number < 14; ++number)
        for (const char* key : {"a", "b"})
            rows.add(key, number * kDay, 1);
    const SeriesData known = built(rows.table());
    const auto error = [&](const std::vector<std::string>& keys, Timestamp time) {
        Observations fresh;
        for (const std::string& key : keys)
            fresh.add(key, time, 1);
        return error_of([&] { extend_series(known, collected(fresh.table()), {}, nullptr); });
    };
    const Error unknown = error({"a", "x", "y", "z"}, 14 * kDay);
    EXPECT_EQ(unknown.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(unknown.message(), "model knows no key \"x\" of mode \"station\"");
    EXPECT_EQ(unknown.detail(), "2 more keys are unknown.");
    EXPECT_EQ(error({"x"}, 14 * kDay).detail(), "");
    const Error early = error({"a"}, 9 * kDay);
    EXPECT_EQ(early.message(), "rows lie before the first point of the model's series");
    EXPECT_EQ(early.detail(),
              "The first row is at 2000-01-10 00:00:00, the model's series begin at 2000-01-11 00:00:00.");
    EXPECT_EQ(error({"a"}, 14 * kDay + 1).message(), "1 time of column \"ts\" lies between two points in time");
    EXPECT_EQ(error({"a", "a"}, 14 * kDay).sqlstate(), "21000");
    EXPECT_EQ(error({"a"}, 9'000'000'000'000'000'000 / kDay * kDay).sqlstate(), "54000");
    const SeriesData same = extend_series(known, collected(Observations().table()), {}, nullptr);
    EXPECT_EQ(same.table.values, known.table.values);
}

TEST(SeriesTable, FirstStepsAreACopyOfThem) {
    const SeriesData data = built(with_future(), {}, kWithPrice);
    const SeriesTable cut = first_steps(data.table, 2);
    EXPECT_EQ(cut.steps, 2);
    EXPECT_THAT(cut.values, ElementsAre(1, 4, 2, 5));
    EXPECT_THAT(cut.covariates[0].values, ElementsAre(10, 20, 11, 21));
    EXPECT_EQ(cut.axis.at(1), kDay);
}

TEST(SeriesTable, SeriesAreVisitedOneByOne) {
    SeriesTable table;
    table.steps = 5;
    table.modes = {{"id", {}}};
    for (std::int32_t i = 0; i < 40; ++i) {
        table.modes[0].keys.push_back(std::to_string(i));
        table.keys.push_back(i);
    }
    for (int i = 0; i < 200; ++i)
        table.values.push_back(static_cast<float>(i));
    std::int64_t next = 0;
    for_each_series(table, nullptr, [&](std::int64_t series, std::span<const float> values) {
        EXPECT_EQ(series, next++);
        ASSERT_EQ(values.size(), 5U);
        for (std::size_t step = 0; step < 5; ++step)
            EXPECT_EQ(values[step], static_cast<float>(step * 40 + static_cast<std::size_t>(series)));
    });
    EXPECT_EQ(next, 40);
}

}  // namespace
}  // namespace tensile
