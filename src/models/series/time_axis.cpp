// See time_axis.h.
#include "models/series/time_axis.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <vector>

#include "models/series/step_inference.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kDatetimeFieldOverflow = "22008";
constexpr std::int64_t kDaysFrom1970To2000 = 10957;
// std::chrono counts years in 16 bits; PostgreSQL reaches the year 294276. The calendar repeats every 400 years.
constexpr std::int64_t kMonthsInCycle = 4800;
constexpr std::int64_t kDaysInCycle = 146097;
constexpr std::int64_t kMostIndex = std::int64_t{1} << 62;

struct Quotient {
    std::int64_t whole;
    std::int64_t rest;  // never negative
};

constexpr Quotient divide(std::int64_t value, std::int64_t by) {
    Quotient result{value / by, value % by};
    if (result.rest < 0) {
        result.rest += by;
        --result.whole;
    }
    return result;
}

// Days from 2000-01-01 to the first of the month.
std::int64_t first_day_of(std::int64_t month) {
    using namespace std::chrono;
    const auto [cycles, in_cycle] = divide(month, kMonthsInCycle);
    const year_month_day first{year{2000 + static_cast<int>(in_cycle / 12)},
                               std::chrono::month{static_cast<unsigned>(in_cycle % 12 + 1)}, day{1}};
    return sys_days{first}.time_since_epoch().count() - kDaysFrom1970To2000 + cycles * kDaysInCycle;
}

struct Unit {
    std::string_view name;
    std::int64_t microseconds;
    std::int64_t months;
};

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::array<Unit, 27> kUnits = {{{"microsecond", 1, 0},
                                          {"us", 1, 0},
                                          {"usec", 1, 0},
                                          {"millisecond", 1000, 0},
                                          {"ms", 1000, 0},
                                          {"msec", 1000, 0},
                                          {"second", kSecond, 0},
                                          {"sec", kSecond, 0},
                                          {"s", kSecond, 0},
                                          {"minute", 60 * kSecond, 0},
                                          {"min", 60 * kSecond, 0},
                                          {"m", 60 * kSecond, 0},
                                          {"hour", 3600 * kSecond, 0},
                                          {"hr", 3600 * kSecond, 0},
                                          {"h", 3600 * kSecond, 0},
                                          {"day", kMicrosecondsPerDay, 0},
                                          {"d", kMicrosecondsPerDay, 0},
                                          {"week", 7 * kMicrosecondsPerDay, 0},
                                          {"w", 7 * kMicrosecondsPerDay, 0},
                                          {"month", 0, 1},
                                          {"mon", 0, 1},
                                          {"quarter", 0, 3},
                                          {"qtr", 0, 3},
                                          {"year", 0, 12},
                                          {"yr", 0, 12},
                                          {"y", 0, 12},
                                          {"decade", 0, 120}}};

[[noreturn]] void reject_step(std::string_view text, std::string detail) {
    throw Error(sqlstate::kInvalidParameterValue, "invalid time step \"" + std::string(text) + "\"", std::move(detail),
                "Examples are \"1 hour\", \"15 minutes\", \"day\", \"3 months\" and \"00:30:00\".");
}

const Unit* find_unit(std::string_view name) {
    const auto* found = std::ranges::find(kUnits, name, &Unit::name);
    if (found == kUnits.end() && name.size() > 2 && name.ends_with('s'))
        found = std::ranges::find(kUnits, name.substr(0, name.size() - 1), &Unit::name);
    return found == kUnits.end() ? nullptr : found;
}

// The whole number that `text` is; nothing for anything else.
std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

// "HH:MM:SS", "HH:MM" or "HH:MM:SS.ffffff" in microseconds.
std::optional<std::int64_t> clock_time(std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(':', begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    if (parts.size() != 2 && parts.size() != 3) return std::nullopt;
    std::int64_t fraction = 0;
    if (parts.size() == 3) {
        if (const std::size_t point = parts[2].find('.'); point != std::string_view::npos) {
            std::string digits(parts[2].substr(point + 1));
            parts[2] = parts[2].substr(0, point);
            if (digits.empty() || digits.size() > 6) return std::nullopt;
            digits.resize(6, '0');
            const auto parsed = whole_number(digits);
            if (!parsed) return std::nullopt;
            fraction = *parsed;
        }
    }
    constexpr std::int64_t kMostHours = 1'000'000;
    const auto hours = whole_number(parts[0]);
    const auto minutes = whole_number(parts[1]);
    const auto seconds = parts.size() == 3 ? whole_number(parts[2]) : std::optional<std::int64_t>(0);
    if (!hours || !minutes || !seconds || *hours > kMostHours || *minutes > 59 || *seconds > 59) return std::nullopt;
    return ((*hours * 60 + *minutes) * 60 + *seconds) * kSecond + fraction;
}

// Lower-case words; digits and letters that touch ("15min") are two.
std::vector<std::string> words_of(std::string_view text) {
    const auto kind = [](char c) { return (c >= '0' && c <= '9') || c == ':' || c == '.' ? 1 : 2; };
    std::vector<std::string> words;
    int last = 0;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\n') {
            last = 0;
            continue;
        }
        if (kind(c) != last) words.emplace_back();
        last = kind(c);
        words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return words;
}

void add_term(TimeStep& step, std::int64_t count, const Unit& unit, std::string_view text) {
    std::int64_t product = 0;
    std::int64_t& sum = unit.months > 0 ? step.months : step.microseconds;
    if (__builtin_mul_overflow(count, std::max(unit.months, unit.microseconds), &product) ||
        __builtin_add_overflow(sum, product, &sum))
        reject_step(text, "The step is too long.");
}

std::string counted(std::int64_t count, std::string_view unit) {
    return std::to_string(count) + " " + std::string(unit) + (count == 1 ? "" : "s");
}

}  // namespace

TimeStep parse_time_step(std::string_view text) {
    // Longer ones have no two points within a timestamp's range.
    constexpr std::int64_t kMostMonths = 12 * 100'000;
    TimeStep step;
    const std::vector<std::string> words = words_of(text);
    if (words.empty()) reject_step(text, "It is empty.");
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i].find(':') != std::string::npos) {
            const auto clock = clock_time(words[i]);
            if (!clock) reject_step(text, "\"" + words[i] + "\" is not a time as in HH:MM:SS.");
            add_term(step, *clock, kUnits.front(), text);
            continue;
        }
        std::int64_t count = 1;
        std::string_view name = words[i];
        if (name.front() == '.' || (name.front() >= '0' && name.front() <= '9')) {
            const auto parsed = whole_number(name);
            if (!parsed) reject_step(text, "\"" + words[i] + "\" is not a whole number.");
            if (i + 1 == words.size()) reject_step(text, "A unit must follow " + words[i] + ".");
            count = *parsed;
            name = words[++i];
        }
        const Unit* unit = find_unit(name);
        if (unit == nullptr)
            reject_step(text, "\"" + std::string(name) +
                                  "\" is not a unit; units are microsecond, millisecond, second, minute, hour, day, "
                                  "week, month, quarter and year.");
        add_term(step, count, *unit, text);
    }
    if (step.months > 0 && step.microseconds > 0)
        reject_step(text, "Months differ in length, so they cannot be combined with days or shorter units.");
    if (step.months == 0 && step.microseconds == 0) reject_step(text, "A step must be longer than 0.");
    if (step.months > kMostMonths) reject_step(text, "The step is too long.");
    return step;
}

std::string TimeStep::to_string() const {
    if (months > 0) return months % 12 == 0 ? counted(months / 12, "year") : counted(months, "month");
    for (const std::string_view name : {"week", "day", "hour", "minute", "second", "millisecond"}) {
        const std::int64_t unit = find_unit(name)->microseconds;
        if (microseconds % unit == 0) return counted(microseconds / unit, name);
    }
    return counted(microseconds, "microsecond");
}

std::optional<TimeStep> infer_time_step(std::span<const Timestamp> stamps) {
    StepInference inference;
    for (std::size_t i = 1; i < stamps.size(); ++i)
        inference.add(stamps[i - 1], stamps[i]);
    return inference.step();
}

CalendarTime calendar_time(Timestamp time) {
    using namespace std::chrono;
    const auto [day_number, time_of_day] = divide(time, kMicrosecondsPerDay);
    const auto [cycles, in_cycle] = divide(day_number, kDaysInCycle);
    const year_month_day civil{sys_days{days{static_cast<int>(in_cycle + kDaysFrom1970To2000)}}};
    const std::int64_t month =
        (static_cast<int>(civil.year()) - 2000) * std::int64_t{12} + static_cast<unsigned>(civil.month()) - 1;
    return {month + cycles * kMonthsInCycle, static_cast<int>(static_cast<unsigned>(civil.day())), time_of_day};
}

int days_in_month(std::int64_t month) {
    return static_cast<int>(first_day_of(month + 1) - first_day_of(month));
}

std::string format_timestamp(Timestamp time) {
    const CalendarTime calendar = calendar_time(time);
    const auto [years, month] = divide(calendar.month, 12);
    const std::int64_t year = years + 2000;
    const std::int64_t seconds = calendar.time_of_day / kSecond;
    char text[64];
    std::snprintf(text, sizeof text, "%04lld-%02d-%02d %02d:%02d:%02d",
                  static_cast<long long>(year > 0 ? year : 1 - year), static_cast<int>(month + 1), calendar.day,
                  static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                  static_cast<int>(seconds % 60));
    std::string result = text;
    if (const std::int64_t fraction = calendar.time_of_day % kSecond; fraction != 0) {
        std::snprintf(text, sizeof text, ".%06d", static_cast<int>(fraction));
        result += text;
        result.erase(result.find_last_not_of('0') + 1);
    }
    return year > 0 ? result : result + " BC";
}

Timestamp TimeAxis::at(std::int64_t index) const {
    const auto reject = [] {
        throw Error(kDatetimeFieldOverflow, "time of a point of the series is out of range",
                    "It lies outside of what a timestamp can hold.");
    };
    std::int64_t distance = 0;
    Timestamp result = 0;
    if (step.months == 0) {
        if (__builtin_mul_overflow(index, step.microseconds, &distance) ||
            __builtin_add_overflow(start, distance, &result))
            reject();
        return result;
    }
    constexpr std::int64_t kMostMonths = 12 * std::int64_t{300'000};
    if (__builtin_mul_overflow(index, step.months, &distance) || distance > kMostMonths || distance < -kMostMonths)
        reject();
    const CalendarTime first = calendar_time(start);
    const std::int64_t month = first.month + distance;
    const int wanted = month_day > 0 ? month_day : first.day;
    const std::int64_t day = first_day_of(month) + std::min(wanted, days_in_month(month)) - 1;
    if (__builtin_mul_overflow(day, kMicrosecondsPerDay, &result) ||
        __builtin_add_overflow(result, first.time_of_day, &result))
        reject();
    return result;
}

TimeAxis::Position TimeAxis::position(Timestamp time) const {
    if (step.months == 0) {
        // The difference of two timestamps may need 64 bits and a sign.
        const bool before = time < start;
        const std::uint64_t distance = before ? static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(time)
                                              : static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(start);
        const auto length = static_cast<std::uint64_t>(step.microseconds);
        const bool exact = distance % length == 0;
        const std::uint64_t steps = distance / length + (before && !exact ? 1 : 0);
        const auto bounded = static_cast<std::int64_t>(std::min<std::uint64_t>(steps, kMostIndex));
        return {before ? -bounded : bounded, exact};
    }
    const std::int64_t months = calendar_time(time).month - calendar_time(start).month;
    std::int64_t index = divide(months, step.months).whole;
    Timestamp point = at(index);
    if (point > time) point = at(--index);
    return {index, point == time};
}

}  // namespace tensile
