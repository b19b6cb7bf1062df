// The options that every forecasting method shares, and what each column of a query means by them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/options.h"
#include "models/series/series_method.h"
#include "models/table/raw_rows.h"

namespace tensile {

// What to do with several values for one series and time, and with a time between two points of the grid.
enum class DuplicateRule : std::uint8_t { kError, kMean, kSum };
enum class IrregularRule : std::uint8_t { kError, kNearest, kFloor };

std::span<const OptionDeclaration> series_option_declarations();

struct SeriesOptions {
    // As given; empty names and lists stand for the defaults, which depend on the columns.
    std::string time;
    std::vector<std::string> modes;
    std::string value;
    std::vector<std::string> covariates;
    std::vector<std::pair<std::string, std::string>> graphs;  // mode, relation
    std::optional<TimeStep> step;
    DuplicateRule duplicates = DuplicateRule::kError;
    IrregularRule irregular = IrregularRule::kError;
    std::int64_t season = 0;  // 0: from the step
    std::int64_t horizon = 24;
    double validation = 0.2;
    std::uint64_t seed = 0;

    // Throws Error 22023 for a step that is none, a name given twice.
    static SeriesOptions from(const Options& options);
};

// The usual cycle of a step: a day for steps from a minute to half a day, 7 for days, 52 for weeks, 12 for months, 4
// for quarters; 1 for others, and for tables that do not hold two cycles.
std::int64_t usual_season(const TimeStep& step, std::int64_t steps);

// The roles of the columns of a query: positions in it, and descriptions that are stored with the model.
struct SeriesColumns {
    struct Column {
        ColumnDescription description;
        int position = 0;
    };
    Column time;
    std::vector<Column> modes;
    Column value;
    std::vector<Column> covariates;

    // Throws Error 42703 (not returned by the query), 42804 (of a type that cannot have the role), 42701 (a column
    // twice), 22023 (ambiguous, or one column in two roles). `targets` are those of the training; at most one.
    static SeriesColumns resolve(const SeriesOptions& options, std::span<const std::string> targets,
                                 std::span<const ColumnDescription> columns);
    // The same roles among the columns of another query, by name. Throws Error 42703, and 42804 also when times have a
    // zone in one of them only.
    SeriesColumns bind(std::span<const ColumnDescription> columns) const;
    // Whether times are points in time, which PostgreSQL shows in the session's zone, or readings of a local clock.
    bool time_has_zone() const;
};

}  // namespace tensile
