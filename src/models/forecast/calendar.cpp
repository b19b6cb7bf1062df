// See calendar.h.
#include "models/forecast/calendar.h"

#include <array>
#include <chrono>
#include <string>

#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::int64_t kMinute = 60'000'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kLongestMonth = 31 * kDay;
constexpr std::int64_t kMonths = 12;
constexpr std::int64_t kMostSlotsOfDay = kDay / kMinute;
constexpr std::array<std::string_view, 3> kNames = {"time_of_day", "day_of_week", "month_of_year"};

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

std::int64_t floor_modulo(std::int64_t a, std::int64_t b) {
    return a - floor_divide(a, b) * b;
}

// From 0.
std::int64_t month_of(Timestamp time) {
    using namespace std::chrono;
    const sys_days date = sys_days{year{2000} / January / 1} + days{floor_divide(time, kDay)};
    return static_cast<std::int64_t>(static_cast<unsigned>(year_month_day{date}.month())) - 1;
}

std::int64_t slots_of_day(std::int64_t step) {
    if (kDay % step != 0) return step < kHour ? kMostSlotsOfDay : kDay / kHour;
    return std::min(kDay / step, kMostSlotsOfDay);
}

}  // namespace

std::string_view name_of(CalendarCycle::Kind kind) {
    return kNames[static_cast<std::size_t>(kind)];
}

CalendarCycle::Kind calendar_kind_named(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i)
        if (kNames[i] == name) return static_cast<CalendarCycle::Kind>(i);
    throw Error(sqlstate::kDataCorrupted, "no cycle of the calendar is named \"" + std::string(name) + "\"");
}

std::vector<CalendarCycle> calendar_cycles(const TimeAxis& axis, std::int64_t steps) {
    using Kind = CalendarCycle::Kind;
    std::vector<CalendarCycle> cycles;
    const TimeStep& step = axis.step;
    if (step.months > 0) {
        if (step.months < kMonths && steps * step.months >= 2 * kMonths)
            cycles.push_back({Kind::kMonthOfYear, kMonths});
        return cycles;
    }
    // In days, as microseconds times steps may not fit into 64 bits.
    const double days = static_cast<double>(step.microseconds) / kDay * static_cast<double>(steps);
    if (step.microseconds <= kDay / 2 && days >= 2)
        cycles.push_back({Kind::kTimeOfDay, slots_of_day(step.microseconds)});
    if (step.microseconds <= kDay && days >= 14) cycles.push_back({Kind::kDayOfWeek, 7});
    if (step.microseconds <= kLongestMonth && days >= 2 * 365) cycles.push_back({Kind::kMonthOfYear, kMonths});
    return cycles;
}

std::int32_t calendar_slot(const CalendarCycle& cycle, const TimeAxis& axis, std::int64_t step) {
    using Kind = CalendarCycle::Kind;
    if (axis.step.months > 0) {
        const std::int64_t month = month_of(axis.start) + floor_modulo(step * axis.step.months, kMonths);
        return static_cast<std::int32_t>(month % kMonths);
    }
    const Timestamp time = axis.start + step * axis.step.microseconds;
    switch (cycle.kind) {
    case Kind::kTimeOfDay:
        return static_cast<std::int32_t>(floor_modulo(time, kDay) / (kDay / cycle.slots));
    case Kind::kDayOfWeek:
        // 2000-01-01 was a Saturday.
        return static_cast<std::int32_t>(floor_modulo(floor_divide(time, kDay) + 5, 7));
    case Kind::kMonthOfYear:
        break;
    }
    return static_cast<std::int32_t>(month_of(time));
}

}  // namespace tensile
