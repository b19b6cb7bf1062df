// Steps and points in time: calendar arithmetic, and steps found in spite of gaps and jitter.
#include "models/series/time_axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/series/step_inference.h"
#include "series_fixture.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using namespace testing;
using ::testing::HasSubstr;

constexpr Timestamp kMinute = 60 * kSecond;

// Midnight of a day, counted from 2000-01-01.
Timestamp day(std::int64_t number) {
    return number * kDay;
}

// Of year, month (from 1) and day.
Timestamp date(std::int64_t year, int month, int day_of_month) {
    const TimeAxis months{0, {1, 0}, 0};
    return months.at((year - 2000) * 12 + month - 1) + (day_of_month - 1) * kDay;
}

TimeStep micro(std::int64_t microseconds) {
    return {0, microseconds};
}

TEST(TimeStep, TextsOfAllKindsAreRead) {
    EXPECT_EQ(parse_time_step("1 hour"), micro(kHour));
    EXPECT_EQ(parse_time_step("hour"), micro(kHour));
    EXPECT_EQ(parse_time_step("  15 Minutes "), micro(15 * kMinute));
    EXPECT_EQ(parse_time_step("15min"), micro(15 * kMinute));
    EXPECT_EQ(parse_time_step("00:30:00"), micro(30 * kMinute));
    EXPECT_EQ(parse_time_step("00:00:00.25"), micro(250'000));
    EXPECT_EQ(parse_time_step("1 day 12:00"), micro(36 * kHour));
    EXPECT_EQ(parse_time_step("2 weeks"), micro(14 * kDay));
    EXPECT_EQ(parse_time_step("100 ms"), micro(100'000));
    EXPECT_EQ(parse_time_step("7 microseconds"), micro(7));
    EXPECT_EQ(parse_time_step("1 mon"), (TimeStep{1, 0}));
    EXPECT_EQ(parse_time_step("quarter"), (TimeStep{3, 0}));
    EXPECT_EQ(parse_time_step("1 year 6 mons"), (TimeStep{18, 0}));
    for (const char* text : {"1 microsecond", "20 milliseconds", "1 second", "5 minutes", "1 hour", "1 day", "2 weeks",
                             "1 month", "3 months", "1 year", "10 years"})
        EXPECT_EQ(parse_time_step(text).to_string(), text);
    EXPECT_EQ(micro(36 * kHour).to_string(), "36 hours");
}

TEST(TimeStep, TextsThatAreNoneAreRefused) {
    for (const char* text :
         {"", "  ", "hourly", "1", "0 hours", "-1 hour", "1.5 hours", "1 month 3 days", "00:61:00", "1:2:3:4",
          "99999999999999999999 hours", "9223372036854775807 days", "2000000 years", "1 hour 1", "::", "\xff hour"}) {
        const Error error = error_of([&] { parse_time_step(text); });
        EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue) << text;
        EXPECT_THAT(error.message(), HasSubstr("invalid time step")) << text;
        EXPECT_FALSE(error.detail().empty()) << text;
        EXPECT_THAT(error.hint(), HasSubstr("\"15 minutes\"")) << text;
    }
}

TEST(TimeAxis, TimesAreWrittenAsDates) {
    EXPECT_EQ(format_timestamp(0), "2000-01-01 00:00:00");
    EXPECT_EQ(format_timestamp(-1), "1999-12-31 23:59:59.999999");
    EXPECT_EQ(format_timestamp(59 * kDay + 13 * kHour + 500'000), "2000-02-29 13:00:00.5");
    EXPECT_EQ(format_timestamp(date(1900, 3, 1) - kDay), "1900-02-28 00:00:00");
    EXPECT_EQ(format_timestamp(date(0, 12, 31)), "0001-12-31 00:00:00 BC");
    EXPECT_EQ(format_timestamp(date(294276, 12, 31)), "294276-12-31 00:00:00");
}

TEST(TimeAxis, MonthsEndWhereTheCalendarSaysSo) {
    const TimeAxis ends{date(2023, 1, 31), {1, 0}, 31};
    EXPECT_EQ(ends.at(1), date(2023, 2, 28));
    EXPECT_EQ(ends.at(3), date(2023, 4, 30));
    EXPECT_EQ(ends.at(13), date(2024, 2, 29));
    EXPECT_EQ(ends.at(-11), date(2022, 2, 28));
    // From a February's end as well: the day is that of the axis, not that of its start.
    const TimeAxis from_february{date(2023, 2, 28), {1, 0}, 31};
    EXPECT_EQ(from_february.at(1), date(2023, 3, 31));
    const TimeAxis on_the_30th{date(2023, 2, 28), {1, 0}, 30};
    EXPECT_EQ(on_the_30th.at(1), date(2023, 3, 30));
    EXPECT_EQ(on_the_30th.at(12), date(2024, 2, 29));
    // A leap day every year.
    const TimeAxis leap{date(2020, 2, 29), {12, 0}, 0};
    EXPECT_EQ(leap.at(1), date(2021, 2, 28));
    EXPECT_EQ(leap.at(4), date(2024, 2, 29));
    EXPECT_EQ(leap.at(80), date(2100, 2, 28));
}

TEST(TimeAxis, PositionsAreTheInverseOfTimes) {
    const TimeAxis axes[] = {{date(2023, 1, 31), {1, 0}, 31},
                             {date(2020, 2, 29), {12, 0}, 0},
                             {date(1999, 11, 15), {3, 0}, 0},
                             {17 * kHour + 1, micro(kHour), 0},
                             {date(1970, 1, 1), micro(7 * kDay), 0}};
    for (const TimeAxis& axis : axes)
        for (std::int64_t index = -500; index < 500; ++index) {
            const Timestamp time = axis.at(index);
            EXPECT_EQ(axis.position(time).index, index);
            EXPECT_TRUE(axis.position(time).exact);
            EXPECT_EQ(axis.position(time + 1).index, index);
            EXPECT_FALSE(axis.position(time + 1).exact);
            EXPECT_EQ(axis.position(time - 1).index, index - 1);
        }
}

TEST(TimeAxis, TimesBeyondTheCalendarAreErrors) {
    for (const TimeAxis& axis : {TimeAxis{0, {12, 0}, 0}, TimeAxis{0, micro(kDay), 0}}) {
        EXPECT_EQ(error_of([&] { axis.at(INT64_MAX); }).sqlstate(), "22008");
        EXPECT_EQ(error_of([&] { axis.at(INT64_MIN); }).sqlstate(), "22008");
        EXPECT_EQ(error_of([&] { axis.at(400'000 * std::int64_t{366}); }).sqlstate(), "22008");
    }
    const TimeAxis fine{-211'813'488'000'000'000, micro(1), 0};  // 4714 BC
    EXPECT_EQ(fine.position(INT64_MAX - 1).index, std::int64_t{1} << 62);
}

std::optional<TimeStep> step_of(std::vector<Timestamp> stamps) {
    return infer_time_step(stamps);
}

TEST(StepInference, StepsAreFoundInSpiteOfGaps) {
    EXPECT_EQ(step_of({}), std::nullopt);
    EXPECT_EQ(step_of({day(1)}), std::nullopt);
    EXPECT_EQ(step_of({0, kHour}), micro(kHour));
    EXPECT_EQ(step_of({0, kHour, 4 * kHour, 5 * kHour, 30 * kHour}), micro(kHour));
    // No two neighbours are one step apart.
    EXPECT_EQ(step_of({0, 2 * kHour, 5 * kHour, 7 * kHour, 10 * kHour}), micro(kHour));
    // Working days.
    std::vector<Timestamp> weekdays;
    for (int number = 0; number < 100; ++number)
        if (number % 7 < 5) weekdays.push_back(day(number));
    EXPECT_EQ(step_of(weekdays), micro(kDay));
    // Four of five points are missing.
    std::vector<Timestamp> sparse;
    for (std::uint64_t i = 0; i < 5000; ++i)
        if (random_below(3, 0, i, 5) == 0) sparse.push_back(static_cast<Timestamp>(i) * 15 * kMinute);
    EXPECT_EQ(step_of(sparse), micro(15 * kMinute));
    // Nearly all of them are, so that no distance is frequent.
    std::vector<Timestamp> rare;
    for (std::uint64_t i = 0; i < 50'000; ++i)
        if (random_below(3, 0, i, 40) == 0) rare.push_back(static_cast<Timestamp>(i) * 15 * kMinute);
    EXPECT_EQ(step_of(rare), micro(15 * kMinute));
}

TEST(StepInference, MonthsAndYearsAreCalendarSteps) {
    EXPECT_EQ(step_of({date(2024, 1, 1), date(2024, 2, 1)}), (TimeStep{1, 0}));
    EXPECT_EQ(step_of({date(2023, 1, 31), date(2023, 2, 28), date(2023, 3, 31), date(2023, 4, 30)}), (TimeStep{1, 0}));
    EXPECT_EQ(step_of({date(2023, 1, 30), date(2023, 2, 28), date(2023, 3, 30), date(2023, 4, 30)}), (TimeStep{1, 0}));
    EXPECT_EQ(step_of({date(2023, 1, 15), date(2023, 4, 15), date(2023, 10, 15), date(2024, 1, 15)}), (TimeStep{3, 0}));
    EXPECT_EQ(step_of({date(2000, 1, 1), date(2001, 1, 1), date(2003, 1, 1)}), (TimeStep{12, 0}));
    EXPECT_EQ(step_of({date(2000, 12, 31), date(2001, 12, 31), date(2002, 12, 31)}), (TimeStep{12, 0}));
    // Four weeks are no month, and neither are 30 days.
    EXPECT_EQ(step_of({date(2023, 1, 2), date(2023, 1, 30), date(2023, 2, 27), date(2023, 3, 27)}), micro(28 * kDay));
    EXPECT_EQ(step_of({date(2023, 1, 1), date(2023, 1, 31), date(2023, 3, 2), date(2023, 4, 1)}), micro(30 * kDay));
    // A daily series that pauses for exactly a month.
    EXPECT_EQ(step_of({date(2023, 1, 1), date(2023, 1, 2), date(2023, 1, 3), date(2023, 2, 3), date(2023, 2, 4)}),
              micro(kDay));
}

TEST(StepInference, JitterDoesNotMakeStepsTiny) {
    std::vector<Timestamp> jittered;
    for (std::uint64_t i = 0; i < 200; ++i)
        jittered.push_back(static_cast<Timestamp>(i) * kHour +
                           static_cast<Timestamp>(random_below(5, 0, i, 40)) * kSecond);
    EXPECT_EQ(step_of(jittered), micro(kHour));
    std::vector<Timestamp> one_off;
    for (int i = 0; i < 10; ++i)
        one_off.push_back(i * kHour + (i == 5 ? 7 * kMinute : 0));
    EXPECT_EQ(step_of(one_off), micro(kHour));
    // A divisor of 20 minutes would be in all distances, and most of its points would be missing.
    for (const int length : {10, 100}) {
        std::vector<Timestamp> forty_late;
        for (int i = 0; i < length; ++i)
            forty_late.push_back(i * kHour + (i == 5 ? 40 * kMinute : 0));
        EXPECT_EQ(step_of(forty_late), micro(kHour));
    }
    // Alternately a second early and late.
    std::vector<Timestamp> alternating;
    for (int i = 0; i < 50; ++i)
        alternating.push_back(i * kHour + (i % 2) * kSecond);
    EXPECT_EQ(step_of(alternating), micro(kHour));
}

TEST(StepInference, ShiftedDaysKeepWeeksAndMonths) {
    // Mondays, but Tuesdays where Monday is a holiday: one week in ten.
    std::vector<Timestamp> mondays;
    for (int week = 0; week < 100; ++week)
        mondays.push_back(day(2 + 7 * week + (week % 10 == 5 ? 1 : 0)));
    EXPECT_EQ(step_of(mondays), micro(7 * kDay));
    // The last working day of each month, and of each quarter.
    const auto last_working_days = [](int apart) {
        std::vector<Timestamp> stamps;
        for (int month = apart - 1; month < 60; month += apart) {
            Timestamp last = TimeAxis{0, {1, 0}, 31}.at(month);
            while (last / kDay % 7 < 2)  // 2000-01-01 was a Saturday
                last -= kDay;
            stamps.push_back(last);
        }
        return stamps;
    };
    EXPECT_EQ(step_of(last_working_days(1)), (TimeStep{1, 0}));
    EXPECT_EQ(step_of(last_working_days(3)), (TimeStep{3, 0}));
}

TEST(StepInference, DistancesWithoutEndTakeBoundedMemory) {
    std::vector<Timestamp> stamps = {0};
    for (std::int64_t i = 1; i < 200'000; ++i)
        stamps.push_back(stamps.back() + kMinute + i);  // no distance twice
    const auto step = step_of(stamps);
    ASSERT_TRUE(step);
    EXPECT_GT(step->microseconds, 50 * kSecond);
}

TEST(ChooseAxis, PointsFallWhereMostStampsAre) {
    const std::vector<Timestamp> half_past = {kHour / 2, 3 * kHour / 2 + 5, 5 * kHour / 2, 7 * kHour / 2};
    EXPECT_EQ(choose_axis(micro(kHour), half_past.front(), half_past).start, kHour / 2);
    // The first stamp is the one that is off.
    const std::vector<Timestamp> early = {kHour - 3, 2 * kHour, 3 * kHour, 4 * kHour};
    EXPECT_EQ(choose_axis(micro(kHour), early.front(), early).start, 0);
    // No phase in common: full hours.
    const std::vector<Timestamp> wild = {kHour + 1, 2 * kHour + 22, 3 * kHour + 333, 4 * kHour + 4444, 5 * kHour + 5};
    EXPECT_EQ(choose_axis(micro(kHour), wild.front(), wild).start, kHour);

    const auto calendar = [](std::vector<Timestamp> stamps, std::int64_t months) {
        const TimeAxis axis = choose_axis({months, 0}, stamps.front(), stamps);
        for (const Timestamp stamp : stamps)
            EXPECT_TRUE(axis.position(stamp).exact) << format_timestamp(stamp);
        return axis;
    };
    EXPECT_EQ(calendar({date(2023, 2, 28), date(2023, 3, 31), date(2023, 4, 30)}, 1).month_day, 31);
    EXPECT_EQ(calendar({date(2023, 1, 31), date(2023, 3, 31), date(2023, 5, 31)}, 1).month_day, 31);
    EXPECT_EQ(calendar({date(2023, 2, 28), date(2023, 3, 28), date(2023, 4, 28)}, 1).month_day, 28);
    EXPECT_EQ(calendar({date(2023, 2, 28), date(2023, 3, 30), date(2023, 4, 30), date(2023, 5, 30)}, 1).month_day, 30);
    calendar({date(2023, 5, 1) + 6 * kHour, date(2023, 8, 1) + 6 * kHour, date(2024, 2, 1) + 6 * kHour}, 3);
    calendar({date(2020, 2, 29), date(2021, 2, 28), date(2024, 2, 29)}, 12);
    // The first stamp is off: points still are the firsts of January, April, ...
    const std::vector<Timestamp> late = {date(2023, 2, 7), date(2023, 4, 1), date(2023, 7, 1), date(2023, 10, 1)};
    EXPECT_EQ(choose_axis({3, 0}, late.front(), late).start, date(2023, 1, 1));
}

}  // namespace
}  // namespace tensile
