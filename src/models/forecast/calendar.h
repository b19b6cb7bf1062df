// The calendar as index features: which slot of the day, day of the week and month a step of a time axis lies in, for
// networks with an embedding for each slot. Knows no series and no network.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/series/time_axis.h"

namespace tensile {

struct CalendarCycle {
    enum class Kind : std::uint8_t { kTimeOfDay, kDayOfWeek, kMonthOfYear };
    Kind kind = Kind::kTimeOfDay;
    std::int64_t slots = 1;
    bool operator==(const CalendarCycle&) const = default;
};

std::string_view name_of(CalendarCycle::Kind kind);
// Throws Error XX001.
CalendarCycle::Kind calendar_kind_named(std::string_view name);

// The cycles that `steps` steps of the axis go through at least twice: of a slot seen less often nothing can be
// learned. Time of day: a slot a step where the step divides the day, else a minute or an hour, for steps of up to half
// a day; day of week (from Monday) for steps of up to a day; month for steps of less than a year.
std::vector<CalendarCycle> calendar_cycles(const TimeAxis& axis, std::int64_t steps);

// In [0, cycle.slots).
std::int32_t calendar_slot(const CalendarCycle& cycle, const TimeAxis& axis, std::int64_t step);

}  // namespace tensile
