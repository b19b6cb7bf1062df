// See step_inference.h.
#include "models/series/step_inference.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace tensile {

namespace {

constexpr std::int64_t kLeastFrequency = 20;  // one in so many
constexpr std::int64_t kFewDistances = 8;
// A common divisor of regular distances is not much shorter than the most frequent one.
constexpr std::int64_t kFinestShare = 8;
constexpr double kLeastShareOfMonths = 0.5;
constexpr double kLeastShareOfMultiples = 0.5;
// So many multiples of the most frequent distance leave no doubt.
constexpr double kPlainShareOfMultiples = 0.75;
constexpr double kLeastShareOfNearMonths = 0.9;
constexpr double kCustomaryTolerance = 0.02;

constexpr std::int64_t kLeastMonthDistance = 25 * kMicrosecondsPerDay;

// Whole months from `earlier` to `later`, or 0.
std::int64_t whole_months(Timestamp earlier, Timestamp later) {
    const CalendarTime from = calendar_time(earlier);
    const CalendarTime to = calendar_time(later);
    if (from.time_of_day != to.time_of_day) return 0;
    // 30 January and 28 February are a month apart, too.
    const bool from_last = from.day == days_in_month(from.month);
    const bool to_last = to.day == days_in_month(to.month);
    const bool alike = from.day == to.day || (from_last && to_last) || (from_last && to.day > from.day) ||
                       (to_last && from.day > to.day);
    return alike ? to.month - from.month : 0;
}

// Months from `earlier` to `later` when that is how long the distance is up to a few days, such as from the last
// working day of a month to that of another; or 0.
std::int64_t near_months(Timestamp earlier, Timestamp later) {
    constexpr double kMeanMonth = 365.2425 / 12 * static_cast<double>(kMicrosecondsPerDay);
    constexpr double kFewDays = 4.0 * static_cast<double>(kMicrosecondsPerDay);
    const std::int64_t months = calendar_time(later).month - calendar_time(earlier).month;
    const double expected = static_cast<double>(months) * kMeanMonth;
    return std::abs(static_cast<double>(later - earlier) - expected) <= kFewDays ? months : 0;
}

// A length that people choose (1, 2, 3, 5, 10 ... minutes, hours that divide a day, days, a week) within 2 % of
// `distance`, or nothing.
std::optional<std::int64_t> customary_length(std::int64_t distance) {
    constexpr std::int64_t kSecond = 1'000'000;
    constexpr std::array<std::pair<std::int64_t, std::int64_t>, 4> kUnits = {
        {{kSecond, 60}, {60 * kSecond, 60}, {3600 * kSecond, 24}, {kMicrosecondsPerDay, 7}}};
    std::optional<std::int64_t> best;
    double best_error = kCustomaryTolerance * static_cast<double>(distance);
    for (const auto& [unit, next] : kUnits)
        for (std::int64_t count = 1; count <= next; ++count) {
            const double error = std::abs(static_cast<double>(distance - count * unit));
            if (next % count != 0 || error > best_error) continue;
            best = count * unit;
            best_error = error;
        }
    return best;
}

}  // namespace

void StepInference::Histogram::add(std::int64_t distance) {
    ++total_;
    if (last_count_ == nullptr || distance != last_) {
        if (counts_.size() >= kMostDistances && !counts_.contains(distance)) return;
        last_ = distance;
        last_count_ = &counts_[distance];  // stays valid: elements of an unordered_map do not move
    }
    ++*last_count_;
}

std::int64_t StepInference::Histogram::most_frequent() const {
    std::int64_t best = 0;
    std::int64_t best_count = 0;
    for (const auto& [distance, count] : counts_)
        if (count > best_count || (count == best_count && distance < best)) {
            best = distance;
            best_count = count;
        }
    return best;
}

std::int64_t StepInference::Histogram::median() const {
    std::vector<std::pair<std::int64_t, std::int64_t>> sorted(counts_.begin(), counts_.end());
    std::ranges::sort(sorted);
    std::int64_t kept = 0;
    for (const auto& entry : sorted)
        kept += entry.second;
    std::int64_t below = 0;
    for (const auto& [distance, count] : sorted) {
        below += count;
        if (2 * below >= kept) return distance;
    }
    return 0;
}

std::int64_t StepInference::Histogram::common_divisor(std::int64_t least_count) const {
    std::int64_t divisor = 0;
    for (const auto& [distance, count] : counts_)
        if (count >= least_count) divisor = std::gcd(divisor, distance);
    return divisor;
}

std::optional<std::int64_t> StepInference::Histogram::regular_step() const {
    const std::int64_t frequent = most_frequent();
    if (frequent > 0 && share_of_multiples(frequent) >= kPlainShareOfMultiples) return frequent;
    const std::int64_t least = frequent / kFinestShare;
    // Among a few distances, one that occurs once may be the one that is off.
    const std::int64_t rare = std::max((total_ + kLeastFrequency - 1) / kLeastFrequency,
                                       total_ >= kFewDistances ? std::int64_t{2} : std::int64_t{1});
    const std::int64_t of_frequent = common_divisor(rare);
    if (of_frequent > 0 && of_frequent >= least && share_of_multiples(of_frequent) >= kLeastShareOfMultiples)
        return of_frequent;
    // No distance is frequent where nearly all points are missing.
    const std::int64_t of_all = common_divisor(1);
    if (of_all > 0 && of_all >= least && counts_.size() < kMostDistances) return of_all;
    return std::nullopt;
}

double StepInference::Histogram::share_of_multiples(std::int64_t divisor) const {
    std::int64_t multiples = 0;
    for (const auto& [distance, count] : counts_)
        if (distance % divisor == 0) multiples += count;
    return static_cast<double>(multiples) / static_cast<double>(total_);
}

void StepInference::add(Timestamp earlier, Timestamp later) {
    std::int64_t distance = 0;
    if (__builtin_sub_overflow(later, earlier, &distance)) distance = std::numeric_limits<std::int64_t>::max();
    microseconds_.add(distance);
    if (distance < kLeastMonthDistance) return;
    if (const std::int64_t months = whole_months(earlier, later); months > 0) months_.add(months);
    if (const std::int64_t months = near_months(earlier, later); months > 0) near_months_.add(months);
}

std::optional<TimeStep> StepInference::step() const {
    if (microseconds_.total() == 0) return std::nullopt;
    const auto share_of = [&](const Histogram& some) {
        return static_cast<double>(some.total()) / static_cast<double>(microseconds_.total());
    };
    if (share_of(months_) >= kLeastShareOfMonths)
        return TimeStep{months_.regular_step().value_or(months_.most_frequent()), 0};

    if (const auto divisor = microseconds_.regular_step()) return TimeStep{0, *divisor};
    if (share_of(near_months_) >= kLeastShareOfNearMonths)
        return TimeStep{near_months_.regular_step().value_or(near_months_.most_frequent()), 0};
    const std::int64_t frequent = microseconds_.most_frequent();
    if (const auto length = customary_length(frequent)) return TimeStep{0, *length};
    if (microseconds_.share_of_multiples(frequent) > kLeastShareOfMultiples) return TimeStep{0, frequent};
    const std::int64_t median = microseconds_.median();
    return TimeStep{0, customary_length(median).value_or(median)};
}

namespace {

struct Frequent {
    std::int64_t value = 0;
    bool by_half = false;  // at least half of them
};

Frequent most_frequent_of(std::vector<std::int64_t> values) {
    std::ranges::sort(values);
    Frequent best;
    std::size_t best_count = 0;
    for (std::size_t begin = 0; begin < values.size();) {
        std::size_t end = begin;
        while (end < values.size() && values[end] == values[begin])
            ++end;
        if (end - begin > best_count) {
            best.value = values[begin];
            best_count = end - begin;
        }
        begin = end;
    }
    best.by_half = 2 * best_count >= values.size();
    return best;
}

std::int64_t phase_of(Timestamp time, std::int64_t length) {
    const std::int64_t rest = time % length;
    return rest < 0 ? rest + length : rest;
}

TimeAxis choose_calendar_axis(const TimeStep& step, Timestamp first, std::span<const Timestamp> sample) {
    std::vector<std::int64_t> times;
    std::vector<std::int64_t> days;
    std::vector<std::int64_t> months;
    std::size_t last_days = 0;
    bool short_month = false;
    for (const Timestamp time : sample) {
        const CalendarTime calendar = calendar_time(time);
        const int length = days_in_month(calendar.month);
        times.push_back(calendar.time_of_day);
        days.push_back(calendar.day);
        months.push_back(phase_of(calendar.month, step.months));
        last_days += calendar.day == length ? 1 : 0;
        // The same day in months of different length is that day, not the last one.
        short_month = short_month || (calendar.day == length && length < 31);
    }
    const Frequent time_of_day = most_frequent_of(std::move(times));
    const Frequent day = most_frequent_of(std::move(days));
    const Frequent month = most_frequent_of(std::move(months));
    TimeAxis axis;
    axis.step = step;
    if (last_days == sample.size() && short_month)
        axis.month_day = 31;
    else if (2 * last_days >= sample.size() && !day.by_half)
        axis.month_day = 31;
    else
        axis.month_day = day.by_half ? static_cast<int>(day.value) : 1;
    const CalendarTime begin = calendar_time(first);
    const std::int64_t phase = month.by_half ? month.value : phase_of(begin.month, step.months);
    // The first of any month at the wanted time of day; at() then moves it to the wanted day.
    const std::int64_t months_back = phase_of(begin.month - phase, step.months);
    const std::int64_t to_first_of_month =
        static_cast<std::int64_t>(begin.day - 1) * kMicrosecondsPerDay + begin.time_of_day;
    axis.start = first - to_first_of_month + (time_of_day.by_half ? time_of_day.value : 0);
    const TimeAxis by_month{axis.start, {1, 0}, axis.month_day};
    const Timestamp candidate = by_month.at(-months_back);
    axis.start = candidate <= first ? candidate : by_month.at(-months_back - step.months);
    return axis;
}

}  // namespace

TimeAxis choose_axis(const TimeStep& step, Timestamp first, std::span<const Timestamp> sample) {
    if (step.months > 0) return choose_calendar_axis(step, first, sample);
    std::vector<std::int64_t> phases;
    phases.reserve(sample.size());
    for (const Timestamp time : sample)
        phases.push_back(phase_of(time, step.microseconds));
    const Frequent frequent = most_frequent_of(std::move(phases));
    std::int64_t phase = frequent.value;
    if (!frequent.by_half)
        phase = kMicrosecondsPerDay % step.microseconds == 0 ? 0 : phase_of(first, step.microseconds);
    return {first - phase_of(first - phase, step.microseconds), step, 0};
}

}  // namespace tensile
