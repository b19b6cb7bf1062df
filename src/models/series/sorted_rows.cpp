// See sorted_rows.h.
#include "models/series/sorted_rows.h"

#include <algorithm>
#include <utility>

#include "models/series/step_inference.h"
#include "models/stop.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kCardinalityViolation = "21000";
// Enough to know the phase that most rows share.
constexpr std::size_t kSampleRows = 65536;
constexpr std::int64_t kHour = std::int64_t{3600} * 1'000'000;

std::string counted(std::int64_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

SortedRows::SortedRows(SeriesCollector rows, const std::atomic<bool>* stop) : rows_(std::move(rows)), stop_(stop) {
    sort_by_series();
    sort_by_time();
}

void SortedRows::sort_by_series() {
    const ChunkedArray<std::uint32_t>& series = rows_.series_of_row();
    begins_.assign(rows_.series() + 1, 0);
    StopPoint step(stop_);
    for (std::size_t row = 0; row < series.size(); ++row) {
        step.count();
        ++begins_[series[row] + 1];
    }
    for (std::size_t i = 1; i < begins_.size(); ++i)
        begins_[i] += begins_[i - 1];
    std::vector<std::size_t> next(begins_.begin(), begins_.end() - 1);
    order_.resize(series.size());
    for (std::size_t row = 0; row < series.size(); ++row) {
        step.count();
        order_[next[series[row]]++] = static_cast<std::uint32_t>(row);
    }
}

void SortedRows::sort_by_time() {
    std::vector<std::pair<Timestamp, std::uint32_t>> stamped;
    StopPoint comparison(stop_);
    earliest_ = INT64_MAX;
    latest_ = INT64_MIN;
    for (std::size_t series = 0; series + 1 < begins_.size(); ++series) {
        const std::span<std::uint32_t> rows =
            std::span(order_).subspan(begins_[series], begins_[series + 1] - begins_[series]);
        stamped.clear();
        bool sorted = true;
        for (const std::uint32_t row : rows) {
            comparison.count();
            const Timestamp time = time_of(row);
            sorted = sorted && (stamped.empty() || stamped.back().first <= time);
            stamped.emplace_back(time, row);
            earliest_ = std::min(earliest_, time);
            latest_ = std::max(latest_, time);
        }
        if (sorted) continue;
        std::ranges::sort(stamped, [&](const auto& left, const auto& right) {
            comparison.count();
            return left < right;
        });
        for (std::size_t i = 0; i < rows.size(); ++i)
            rows[i] = stamped[i].second;
    }
}

std::optional<TimeStep> SortedRows::infer_step() const {
    StepInference inference;
    StopPoint step(stop_);
    for (std::size_t series = 0; series + 1 < begins_.size(); ++series) {
        const std::span<const std::uint32_t> rows = rows_of(series);
        for (std::size_t i = 1; i < rows.size(); ++i) {
            step.count();
            const Timestamp earlier = time_of(rows[i - 1]);
            const Timestamp later = time_of(rows[i]);
            if (earlier < later) inference.add(earlier, later);
        }
    }
    if (const auto found = inference.step()) return found;
    // No series has two points: those of all series must do.
    std::vector<Timestamp> stamps;
    stamps.reserve(order_.size());
    for (const std::uint32_t row : order_)
        stamps.push_back(time_of(row));
    std::ranges::sort(stamps, [&](Timestamp left, Timestamp right) {
        step.count();
        return left < right;
    });
    const auto repeated = std::ranges::unique(stamps);
    stamps.erase(repeated.begin(), repeated.end());
    return infer_time_step(stamps);
}

TimeAxis SortedRows::axis_for(const TimeStep& step) const {
    const std::size_t rows = order_.size();
    const std::size_t samples = std::min(rows, kSampleRows);
    std::vector<Timestamp> sample;
    sample.reserve(samples);
    for (std::size_t i = 0; i < samples; ++i)
        sample.push_back(time_of(order_[i * rows / samples]));
    return choose_axis(step, earliest_, sample);
}

std::int64_t SortedRows::place(const TimeAxis& axis, IrregularRule rule) {
    std::int64_t moved = 0;
    std::string example;
    StopPoint step(stop_);
    for (std::size_t series = 0; series + 1 < begins_.size(); ++series)
        for (const std::uint32_t row : rows_of(series)) {
            step.count();
            const Timestamp time = time_of(row);
            TimeAxis::Position position = axis.position(time);
            if (!position.exact) {
                if (moved++ == 0) example = where(static_cast<std::uint32_t>(series), time);
                if (rule == IrregularRule::kNearest &&
                    axis.at(position.index + 1) - time <= time - axis.at(position.index))
                    ++position.index;
            }
            rows_.time()[row] = position.index;
        }
    if (moved == 0 || rule != IrregularRule::kError) return moved;
    const std::string& name = rows_.columns().time.description.name;
    std::string hint =
        "Set {\"irregular\": \"nearest\"} or \"floor\" to move them to a point, or another \"step\", or aggregate in "
        "the "
        "query, as with date_trunc().";
    const bool long_step = axis.step.months > 0 || axis.step.microseconds > kHour;
    if (rows_.columns().time_has_zone() && long_step)
        hint = "Where clocks are changed, days of local time differ in length: take \"" + name +
               "\" AT TIME ZONE '...' for the time. Otherwise set {\"irregular\": \"nearest\"} or another \"step\".";
    throw Error(sqlstate::kInvalidParameterValue,
                counted(moved, "time") + " of column \"" + name + "\" " + (moved == 1 ? "lies" : "lie") +
                    " between two points in time",
                "The first is " + example + "; points follow each other by " + axis.step.to_string() + " from " +
                    format_timestamp(axis.start) + ".",
                hint);
}

std::int64_t SortedRows::count_duplicates(const TimeAxis& axis, DuplicateRule rule) const {
    std::int64_t duplicates = 0;
    std::string example;
    StopPoint step(stop_);
    for_each_cell([&](const Cell& cell) {
        step.count();
        if (cell.rows.size() < 2) return;
        if (duplicates == 0) example = where(cell.series, axis.at(cell.step));
        duplicates += static_cast<std::int64_t>(cell.rows.size()) - 1;
    });
    if (duplicates == 0 || rule != DuplicateRule::kError) return duplicates;
    std::string hint = "Set {\"duplicates\": \"mean\"} or \"sum\", or aggregate in the query";
    hint += rows_.keys().empty() ? ", or let it return the columns that tell series apart." : ".";
    const bool short_step = axis.step.months == 0 && axis.step.microseconds <= kHour;
    if (!rows_.columns().time_has_zone() && short_step)
        hint +=
            " Where clocks are set back, an hour of local time occurs twice; timestamp with time zone tells both "
            "apart.";
    throw Error(kCardinalityViolation, "query returns more than one row for the same series and time",
                "The first is " + example + "; " + counted(duplicates, "row") + " too many in all.", hint);
}

std::string SortedRows::describe(std::uint32_t series) const {
    std::string text;
    for (std::size_t mode = 0; mode < rows_.keys().size(); ++mode) {
        const KeyColumn& key = rows_.keys()[mode];
        text += (mode > 0 ? ", " : "") + key.name() + "=";
        text += key.dictionary().text(rows_.key_of(series, mode));
    }
    return text;
}

std::string SortedRows::where(std::uint32_t series, Timestamp time) const {
    const std::string keys = describe(series);
    return (keys.empty() ? "" : keys + " at ") + format_timestamp(time);
}

}  // namespace tensile
