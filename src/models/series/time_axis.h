// Equally spaced points in time: the grid that the observations of a series lie on. A step is a number of microseconds
// or of calendar months. Knows neither rows nor series.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tensile {

// Microseconds since 2000-01-01 00:00, as PostgreSQL counts them. No time zone: a day has 24 hours.
using Timestamp = std::int64_t;

struct TimeStep {
    std::int64_t months = 0;        // either this ...
    std::int64_t microseconds = 0;  // ... or this is positive
    bool operator==(const TimeStep&) const = default;
    // "1 hour", "15 minutes", "3 months".
    std::string to_string() const;
};

// "<count> <unit>", "<unit>" or PostgreSQL's "HH:MM:SS"; units from microsecond to year, singular or plural. Throws
// Error 22023 with a hint that shows examples.
TimeStep parse_time_step(std::string_view text);

// The step that most distances between successive distinct stamps of a series are multiples of; see step_inference.h
// for the rule. `stamps` ascend strictly. Nothing for fewer than two.
std::optional<TimeStep> infer_time_step(std::span<const Timestamp> stamps);

// "2026-02-28 13:30:00", with as many digits of a second as are not zero; years before 1 as "0044-03-15 00:00:00 BC".
std::string format_timestamp(Timestamp time);

// Date arithmetic in the proleptic Gregorian calendar.
inline constexpr std::int64_t kMicrosecondsPerDay = std::int64_t{24} * 60 * 60 * 1'000'000;
struct CalendarTime {
    std::int64_t month = 0;        // since January 2000
    int day = 1;                   // of the month, from 1
    std::int64_t time_of_day = 0;  // microseconds
};
CalendarTime calendar_time(Timestamp time);
int days_in_month(std::int64_t month);

struct TimeAxis {
    Timestamp start = 0;  // of point 0
    TimeStep step;
    // Of a step in months: the day of the month that the points fall on, or the last one of a shorter month. 31 is
    // every month's last day; 0 takes the day of `start`.
    int month_day = 0;

    // Throws Error 22008 when that lies outside of what a timestamp can be.
    Timestamp at(std::int64_t index) const;
    // The point at or before `time` (may be negative), and whether `time` is exactly there. Bounded to +-2^62.
    struct Position {
        std::int64_t index = 0;
        bool exact = true;
    };
    Position position(Timestamp time) const;
};

}  // namespace tensile
