// Slots of the calendar against dates that are known.
#include "models/forecast/calendar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tensile {
namespace {

using Kind = CalendarCycle::Kind;
constexpr std::int64_t kHour = 3'600'000'000;
constexpr std::int64_t kDay = 24 * kHour;

TEST(Calendar, KnowsDaysOfTheWeekAndMonths) {
    // From 2000-01-01, a Saturday, by days; 2000 was a leap year.
    const TimeAxis days{0, {0, kDay}};
    const CalendarCycle week{Kind::kDayOfWeek, 7};
    const CalendarCycle month{Kind::kMonthOfYear, 12};
    EXPECT_EQ(calendar_slot(week, days, 0), 5);
    EXPECT_EQ(calendar_slot(week, days, 2), 0);  // Monday
    EXPECT_EQ(calendar_slot(week, days, -1), 4);
    EXPECT_EQ(calendar_slot(month, days, 59), 1);  // February 29
    EXPECT_EQ(calendar_slot(month, days, 60), 2);
    EXPECT_EQ(calendar_slot(month, days, -1), 11);
    EXPECT_EQ(calendar_slot(week, days, 9460), 1);  // 2025-11-25, a Tuesday
    EXPECT_EQ(calendar_slot(month, days, 9460), 10);
}

TEST(Calendar, CutsTheDayIntoSteps) {
    const TimeAxis axis{-kHour, {0, kHour / 2}};
    const CalendarCycle day{Kind::kTimeOfDay, 48};
    EXPECT_EQ(calendar_slot(day, axis, 0), 46);
    EXPECT_EQ(calendar_slot(day, axis, 1), 47);
    EXPECT_EQ(calendar_slot(day, axis, 2), 0);
    EXPECT_EQ(calendar_slot(day, axis, 2 + 48 * 400 + 5), 5);
}

TEST(Calendar, CountsMonthsAsMonths) {
    const TimeAxis quarters{31 * kDay, {3, 0}};  // from 2000-02-01
    const CalendarCycle month{Kind::kMonthOfYear, 12};
    EXPECT_EQ(calendar_slot(month, quarters, 0), 1);
    EXPECT_EQ(calendar_slot(month, quarters, 3), 10);
    EXPECT_EQ(calendar_slot(month, quarters, 4), 1);
    EXPECT_EQ(calendar_slot(month, quarters, -1), 10);
}

TEST(Calendar, HasTheCyclesThatWereSeenTwice) {
    const auto kinds = [](const TimeStep& step, std::int64_t steps) {
        std::vector<std::pair<Kind, std::int64_t>> result;
        for (const CalendarCycle& cycle : calendar_cycles({0, step}, steps))
            result.emplace_back(cycle.kind, cycle.slots);
        return result;
    };
    using ::testing::ElementsAre;
    using ::testing::IsEmpty;
    using ::testing::Pair;
    EXPECT_THAT(kinds({0, kHour}, 47), IsEmpty());
    EXPECT_THAT(kinds({0, kHour}, 48), ElementsAre(Pair(Kind::kTimeOfDay, 24)));
    EXPECT_THAT(kinds({0, kHour}, 14 * 24), ElementsAre(Pair(Kind::kTimeOfDay, 24), Pair(Kind::kDayOfWeek, 7)));
    EXPECT_THAT(kinds({0, 300'000'000}, 1411), ElementsAre(Pair(Kind::kTimeOfDay, 288)));
    EXPECT_THAT(kinds({0, 1'000'000}, 1'000'000), ElementsAre(Pair(Kind::kTimeOfDay, 1440)));
    EXPECT_THAT(kinds({0, 7 * kHour}, 30), ElementsAre(Pair(Kind::kTimeOfDay, 24)));
    EXPECT_THAT(kinds({0, kDay}, 730), ElementsAre(Pair(Kind::kDayOfWeek, 7), Pair(Kind::kMonthOfYear, 12)));
    EXPECT_THAT(kinds({1, 0}, 24), ElementsAre(Pair(Kind::kMonthOfYear, 12)));
    EXPECT_THAT(kinds({1, 0}, 23), IsEmpty());
    EXPECT_THAT(kinds({12, 0}, 100), IsEmpty());
    // No overflow of microseconds.
    EXPECT_THAT(kinds({0, 31 * kDay}, std::int64_t{1} << 40), ElementsAre(Pair(Kind::kMonthOfYear, 12)));
}

TEST(Calendar, StaysWithinItsSlots) {
    for (const std::int64_t step : {std::int64_t{7'000'000}, 7 * kHour, kHour, 5 * kDay}) {
        const TimeAxis axis{12345, {0, step}};
        for (const CalendarCycle& cycle : calendar_cycles(axis, 1'000'000))
            for (std::int64_t i = 0; i < 3000; ++i) {
                EXPECT_GE(calendar_slot(cycle, axis, i * 331), 0);
                EXPECT_LT(calendar_slot(cycle, axis, i * 331), cycle.slots);
            }
    }
}

}  // namespace
}  // namespace tensile
