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

// The step that most distances between successive distinct stamps of a series are multiples of; see the source for the
// rule. `stamps` ascend strictly. Nothing for fewer than two.
std::optional<TimeStep> infer_time_step(std::span<const Timestamp> stamps);

struct TimeAxis {
    Timestamp start = 0;  // of point 0
    TimeStep step;

    Timestamp at(std::int64_t index) const;
    // The point at or before `time` (may be negative), and whether `time` is exactly there.
    struct Position {
        std::int64_t index = 0;
        bool exact = true;
    };
    Position position(Timestamp time) const;
};

}  // namespace tensile
