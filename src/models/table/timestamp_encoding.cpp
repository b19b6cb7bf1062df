// See timestamp_encoding.h.
#include "models/table/timestamp_encoding.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include <nlohmann/json.hpp>

#include "models/table/moments.h"

namespace tensile {

namespace {

constexpr double kRange = 1e4;
constexpr std::int64_t kMicrosecondsPerDay = std::int64_t{24} * 60 * 60 * 1'000'000;
constexpr std::int64_t kDaysFrom1970To2000 = 10957;

bool is_missing(std::int64_t time) noexcept {
    return time == INT64_MIN || time == INT64_MAX;
}

double seconds(std::int64_t time) noexcept {
    return static_cast<double>(time) * 1e-6;
}

// Writes sine and cosine of a position in [0, 1) of a cycle.
void write_cycle(double position, float* out) noexcept {
    const double angle = 2 * std::numbers::pi * position;
    out[0] = static_cast<float>(std::sin(angle));
    out[1] = static_cast<float>(std::cos(angle));
}

void write_calendar(std::int64_t time, float* out) noexcept {
    using namespace std::chrono;
    std::int64_t day = time / kMicrosecondsPerDay;
    std::int64_t in_day = time % kMicrosecondsPerDay;
    if (in_day < 0) {
        in_day += kMicrosecondsPerDay;
        --day;
    }
    const double of_day = static_cast<double>(in_day) / static_cast<double>(kMicrosecondsPerDay);
    // std::chrono counts years in 16 bits; PostgreSQL reaches the year 294276. The calendar repeats every 400 years.
    constexpr std::int64_t kDaysIn400Years = 146097;
    std::int64_t folded = day % kDaysIn400Years;
    if (folded < 0) folded += kDaysIn400Years;
    const sys_days date{days{static_cast<int>(folded + kDaysFrom1970To2000)}};
    const year_month_day civil{date};
    const auto of = [&](sys_days begin, sys_days end) {
        return (static_cast<double>((date - begin).count()) + of_day) / static_cast<double>((end - begin).count());
    };
    const year this_year = civil.year();
    write_cycle(of(sys_days{this_year / January / 1}, sys_days{(this_year + years{1}) / January / 1}), out);
    const year_month this_month = this_year / civil.month();
    write_cycle(of(sys_days{this_month / 1}, sys_days{(this_month + months{1}) / 1}), out + 2);
    write_cycle((static_cast<double>(weekday{date}.c_encoding()) + of_day) / 7, out + 4);
    write_cycle(of_day, out + 6);
}

}  // namespace

std::unique_ptr<TimestampEncoding> TimestampEncoding::fit(const ColumnStore& column,
                                                          std::span<const std::uint8_t> is_training,
                                                          const std::atomic<bool>* stop) {
    std::int64_t rows = 0;
    const Moments moments = moments_of([&](auto visit) {
        std::size_t row = 0;
        rows = 0;
        for_each_chunk(column, stop, [&](std::int64_t index) {
            const RawColumn chunk = column.chunk(index);
            for (std::int64_t i = 0; i < column.rows_in(index); ++i, ++row) {
                if (is_training[row] == 0) continue;
                const std::int64_t time = chunk.as<std::int64_t>()[i];
                visit(is_missing(time) ? NAN : seconds(time));
                ++rows;
            }
        });
    });
    auto encoding = std::make_unique<TimestampEncoding>();
    encoding->mean_ = moments.mean;
    encoding->inverse_deviation_ = inverse_deviation(moments.deviation);
    encoding->null_indicator_ = moments.count < rows;
    return encoding;
}

void TimestampEncoding::encode_numbers(const RawColumn& column, std::int64_t begin, std::int64_t end, float* out,
                                       std::int64_t stride) const noexcept {
    for (std::int64_t row = begin; row < end; ++row, out += stride) {
        const std::int64_t time = column.as<std::int64_t>()[row];
        const bool missing = column.is_null(row) || is_missing(time);
        if (missing) {
            std::fill_n(out, kCalendarChannels, 0.0F);
        } else {
            out[0] = static_cast<float>(std::clamp((seconds(time) - mean_) * inverse_deviation_, -kRange, kRange));
            write_calendar(time, out + 1);
        }
        if (null_indicator_) out[kCalendarChannels] = missing ? 1.0F : 0.0F;
    }
}

nlohmann::ordered_json TimestampEncoding::to_json() const {
    return {{"kind", "timestamp"},
            {"mean", mean_},
            {"inverse_deviation", inverse_deviation_},
            {"null_indicator", null_indicator_}};
}

std::unique_ptr<TimestampEncoding> TimestampEncoding::from_json(const nlohmann::ordered_json& json) {
    auto encoding = std::make_unique<TimestampEncoding>();
    encoding->mean_ = json.at("mean").get<double>();
    encoding->inverse_deviation_ = json.at("inverse_deviation").get<double>();
    encoding->null_indicator_ = json.at("null_indicator").get<bool>();
    return encoding;
}

}  // namespace tensile
