// See series_options.h.
#include "models/series/series_options.h"

#include <algorithm>

#include "models/table/category_encoding.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::string_view kDuplicateColumn = "42701";
constexpr std::string_view kCharacterNotInRepertoire = "22021";
constexpr double kGreatestSeed = 9007199254740991.0;  // exact as a JSON number

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

std::string list_of(std::span<const std::string> names) {
    std::string list;
    for (const std::string& name : names)
        list += (list.empty() ? "" : ", ") + in_quotes(name);
    return list.size() > 1000 ? list.substr(0, 1000) + ", ..." : list;
}

std::vector<std::string> names_of(std::span<const ColumnDescription> columns) {
    std::vector<std::string> names;
    for (const ColumnDescription& column : columns)
        names.push_back(column.name);
    return names;
}

bool has_zone(const ColumnDescription& time) {
    return time.type_name.find("with time zone") != std::string::npos;
}

void require_distinct_utf8_names(std::span<const ColumnDescription> columns) {
    std::vector<std::string> names = names_of(columns);
    for (const std::string& name : names)
        if (!is_utf8(name))
            throw Error(kCharacterNotInRepertoire, "name of a column is not valid UTF-8",
                        "The names of columns are stored with the model.",
                        "Give the columns of the query other names.");
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice == names.end()) return;
    throw Error(kDuplicateColumn, "column " + in_quotes(*twice) + " is returned more than once by the query",
                "Columns are found by name, so each must have its own.",
                "Give the columns of the query different names.");
}

[[noreturn]] void reject_type(const ColumnDescription& column, std::string_view role, std::string detail,
                              std::string hint) {
    throw Error(sqlstate::kDatatypeMismatch,
                "column " + in_quotes(column.name) + " of type " + column.type_name + " cannot be " + std::string(role),
                std::move(detail), std::move(hint));
}

// Gives every column its role; a column has one at most.
class RoleFinder {
  public:
    explicit RoleFinder(std::span<const ColumnDescription> columns) : columns_(columns), taken_(columns.size()) {}

    SeriesColumns::Column time(const std::string& name) {
        if (!name.empty()) {
            const SeriesColumns::Column column = take(name, "time");
            if (column.description.meaning != ColumnMeaning::kTimestamp) reject_time(column.description);
            return column;
        }
        std::vector<std::string> found;
        for (const ColumnDescription& column : columns_)
            if (column.meaning == ColumnMeaning::kTimestamp) found.push_back(column.name);
        if (found.size() == 1) return take(found.front(), "time");
        if (found.empty())
            throw Error(sqlstate::kDatatypeMismatch, "query returns no column of type date or timestamp",
                        "The time of each value must be known.", timestamp_hint("the column"));
        throw Error(sqlstate::kInvalidParameterValue, "query returns more than one date or timestamp column",
                    "They are " + list_of(found) + ".",
                    "Name the one that tells the time of the values, as in {\"time\": " + in_quotes(found.front()) +
                        "}, and leave the others out of the query.");
    }

    std::vector<SeriesColumns::Column> modes(std::span<const std::string> names, std::string_view value) {
        std::vector<SeriesColumns::Column> found;
        for (const std::string& name : names) {
            found.push_back(take(name, "modes"));
            const ColumnDescription& column = found.back().description;
            if (column.meaning == ColumnMeaning::kTimestamp || column.meaning == ColumnMeaning::kBlock)
                reject_type(column, "a mode", "Keys of series are text, enums, booleans or integers.",
                            "Cast it to text.");
        }
        if (names.empty())
            for (const ColumnDescription& column : columns_)
                if (column.name != value && column.meaning == ColumnMeaning::kText)
                    found.push_back(take(column.name, "modes"));
        return found;
    }

    SeriesColumns::Column value(const std::string& name, std::span<const std::string> covariates) {
        if (!name.empty()) {
            const SeriesColumns::Column column = take(name, "value");
            if (column.description.meaning != ColumnMeaning::kNumber)
                reject_type(column.description, "the value of series", "Values of series are numbers.",
                            column.description.meaning == ColumnMeaning::kBoolean
                                ? "Cast it to integer."
                                : "Cast it to a number, such as real or double precision.");
            return column;
        }
        std::vector<std::string> found;
        for (std::size_t i = 0; i < columns_.size(); ++i)
            if (taken_[i].empty() && columns_[i].meaning == ColumnMeaning::kNumber &&
                std::ranges::find(covariates, columns_[i].name) == covariates.end())
                found.push_back(columns_[i].name);
        if (found.size() == 1) return take(found.front(), "value");
        if (found.empty())
            throw Error(sqlstate::kInvalidParameterValue, "query returns no numeric column to forecast",
                        "It returns " + list_of(names_of(columns_)) + ".",
                        "Let the query return the time, the keys and the value of each observation.");
        throw Error(sqlstate::kInvalidParameterValue, "query returns more than one numeric column",
                    "They are " + list_of(found) + "; only one can be the value of the series.",
                    "Name it, as in {\"value\": " + in_quotes(found.front()) +
                        "}. The others are then taken for covariates, unless \"modes\" names them.");
    }

    std::vector<SeriesColumns::Column> covariates(std::span<const std::string> names) {
        std::vector<SeriesColumns::Column> found;
        for (const std::string& name : names) {
            found.push_back(take(name, "covariates"));
            const ColumnDescription& column = found.back().description;
            if (column.meaning != ColumnMeaning::kNumber && column.meaning != ColumnMeaning::kBoolean)
                reject_type(column, "a covariate", "Covariates are numbers or booleans.",
                            "Turn it into numbers, or leave it out.");
        }
        if (names.empty())
            for (std::size_t i = 0; i < columns_.size(); ++i)
                if (taken_[i].empty() &&
                    (columns_[i].meaning == ColumnMeaning::kNumber || columns_[i].meaning == ColumnMeaning::kBoolean))
                    found.push_back(take(columns_[i].name, "covariates"));
        return found;
    }

    // Columns that no option names and no default takes were meant to be something.
    void require_no_other(bool modes_named) const {
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (!taken_[i].empty()) continue;
            if (columns_[i].meaning == ColumnMeaning::kTimestamp || columns_[i].meaning == ColumnMeaning::kBlock)
                reject_type(columns_[i], "used", "It is neither the time nor a key, value or covariate.",
                            "Leave it out of the query.");
            if (columns_[i].meaning == ColumnMeaning::kText && modes_named)
                throw Error(sqlstate::kInvalidParameterValue,
                            "column " + in_quotes(columns_[i].name) + " is not among the modes",
                            "Text can only tell series apart.", "Add it to \"modes\", or leave it out of the query.");
        }
    }

  private:
    static std::string timestamp_hint(const std::string& column) {
        return "Make a timestamp of " + column +
               ": to_timestamp(x) of seconds since 1970, make_timestamp(x, 1, 1, 0, 0, 0) of a year, timestamp "
               "'2000-01-01' + x * interval '1 day' of a count of days.";
    }

    [[noreturn]] static void reject_time(const ColumnDescription& column) {
        reject_type(column, "the time of series", "Times are dates or timestamps.",
                    column.meaning == ColumnMeaning::kNumber ? timestamp_hint("it") : "Cast it to timestamp.");
    }

    SeriesColumns::Column take(const std::string& name, std::string_view option) {
        const auto found = std::ranges::find(columns_, name, &ColumnDescription::name);
        if (found == columns_.end())
            throw Error(
                sqlstate::kUndefinedColumn,
                "column " + in_quotes(name) + " of option " + in_quotes(option) + " is not returned by the query", {},
                "The query returns " + list_of(names_of(columns_)) + ".");
        const auto position = static_cast<std::size_t>(found - columns_.begin());
        if (!taken_[position].empty())
            throw Error(
                sqlstate::kInvalidParameterValue, "column " + in_quotes(name) + " cannot be used twice",
                "It is named by option " + in_quotes(taken_[position]) +
                    (taken_[position] == option ? " more than once." : " and by option " + in_quotes(option) + "."));
        taken_[position] = option;
        return {*found, static_cast<int>(position)};
    }

    std::span<const ColumnDescription> columns_;
    std::vector<std::string> taken_;  // the option that names the column; empty: none so far
};

template <typename Enum>
Enum chosen(const Options& options, std::string_view name) {
    for (const OptionDeclaration& declaration : series_option_declarations()) {
        if (declaration.name != name) continue;
        const auto found = std::ranges::find(declaration.choices, options.choice(name));
        return static_cast<Enum>(found - declaration.choices.begin());
    }
    throw InternalError("option " + in_quotes(name) + " is not declared");
}

}  // namespace

std::span<const OptionDeclaration> series_option_declarations() {
    using enum OptionType;
    static const std::vector<OptionDeclaration> declarations = {
        {"time",
         kText,
         "\"\"",
         {},
         {},
         {},
         "Column that tells the time of a value; by default the only date or "
         "timestamp."},
        {"modes",
         kTextArray,
         "[]",
         {},
         {},
         {},
         "Columns whose keys tell series apart; by default all of text or "
         "enum type."},
        {"value", kText, "\"\"", {}, {}, {}, "Column to forecast; by default the target, or the only numeric column."},
        {"graphs",
         kTextMap,
         "{}",
         {},
         {},
         {},
         "Tables or views of edges (from, to, weight) between the keys of a mode, "
         "by mode."},
        {"step",
         kText,
         "\"\"",
         {},
         {},
         {},
         "Distance of two points in time, such as \"1 hour\"; by default found from "
         "the rows."},
        {"covariates",
         kTextArray,
         "[]",
         {},
         {},
         {},
         "Columns that are also known for the future; by default all "
         "further numeric or boolean ones."},
        {"duplicates",
         kChoice,
         "\"error\"",
         {},
         {},
         {"error", "mean", "sum"},
         "What several values for one series and "
         "time become."},
        {"irregular",
         kChoice,
         "\"error\"",
         {},
         {},
         {"error", "nearest", "floor"},
         "Where a time between two points is "
         "moved to."},
        {"season", kInteger, "0", 0, 1e6, {}, "Steps of a cycle; 1 is none, 0 chooses it by the step."},
        {"horizon",
         kInteger,
         "24",
         1,
         100000,
         {},
         "Steps ahead that the model is judged and calibrated for; forecasts "
         "may be longer or shorter."},
        {"validation", kReal, "0.2", 0, 0.9, {}, "Share of the last points in time that judge the model."},
        {"seed", kInteger, "0", 0, kGreatestSeed, {}, "Seed of everything random."},
    };
    return declarations;
}

SeriesOptions SeriesOptions::from(const Options& options) {
    SeriesOptions result;
    result.time = options.text("time");
    result.modes = options.texts("modes");
    result.value = options.text("value");
    result.covariates = options.texts("covariates");
    result.graphs = options.text_map("graphs");
    if (!options.text("step").empty()) result.step = parse_time_step(options.text("step"));
    result.duplicates = chosen<DuplicateRule>(options, "duplicates");
    result.irregular = chosen<IrregularRule>(options, "irregular");
    result.season = options.integer("season");
    result.horizon = options.integer("horizon");
    result.validation = options.real("validation");
    result.seed = static_cast<std::uint64_t>(options.integer("seed"));
    return result;
}

std::int64_t usual_season(const TimeStep& step, std::int64_t steps) {
    constexpr std::int64_t kMinute = std::int64_t{60} * 1'000'000;
    std::int64_t season = 1;
    if (step.months > 0)
        season = step.months < 12 && 12 % step.months == 0 ? 12 / step.months : 1;
    else if (step.microseconds == kMicrosecondsPerDay)
        season = 7;
    else if (step.microseconds == 7 * kMicrosecondsPerDay)
        season = 52;
    else if (step.microseconds >= kMinute && kMicrosecondsPerDay % step.microseconds == 0)
        season = kMicrosecondsPerDay / step.microseconds;
    return steps >= 2 * season ? season : 1;
}

SeriesColumns SeriesColumns::resolve(const SeriesOptions& options, std::span<const std::string> targets,
                                     std::span<const ColumnDescription> columns) {
    require_distinct_utf8_names(columns);
    if (targets.size() > 1)
        throw Error(sqlstate::kInvalidParameterValue, "only one target can be forecast",
                    std::to_string(targets.size()) + " targets were given.",
                    "Bring all values into one column and tell them apart by a further key column.");
    if (!targets.empty() && !options.value.empty() && targets.front() != options.value)
        throw Error(sqlstate::kInvalidParameterValue, "option \"value\" and the target name different columns",
                    "They are " + in_quotes(options.value) + " and " + in_quotes(targets.front()) + ".");
    const std::string value = !targets.empty() ? targets.front() : options.value;
    RoleFinder roles(columns);
    SeriesColumns result;
    result.time = roles.time(options.time);
    result.modes = roles.modes(options.modes, value);
    result.value = roles.value(value, options.covariates);
    result.covariates = roles.covariates(options.covariates);
    roles.require_no_other(!options.modes.empty());
    for (const auto& [mode, relation] : options.graphs)
        if (std::ranges::find(result.modes, mode, [](const Column& column) { return column.description.name; }) ==
            result.modes.end()) {
            std::vector<std::string> names;
            for (const Column& column : result.modes)
                names.push_back(column.description.name);
            throw Error(sqlstate::kInvalidParameterValue,
                        "option \"graphs\" names a mode " + in_quotes(mode) + " that does not exist", {},
                        names.empty() ? "The query returns no key column." : "Modes are " + list_of(names) + ".");
        }
    return result;
}

SeriesColumns SeriesColumns::bind(std::span<const ColumnDescription> columns) const {
    require_distinct_utf8_names(columns);
    const auto bind_column = [&](Column& column, std::string_view role) {
        const ColumnDescription& wanted = column.description;
        const auto found = std::ranges::find(columns, wanted.name, &ColumnDescription::name);
        if (found == columns.end())
            throw Error(sqlstate::kUndefinedColumn,
                        "column " + in_quotes(wanted.name) + " is not returned by the query",
                        "The model uses it as the " + std::string(role) + " of its series.",
                        "The query returns " + list_of(names_of(columns)) + ".");
        const bool is_time = wanted.meaning == ColumnMeaning::kTimestamp;
        if (found->meaning != wanted.meaning || (is_time && has_zone(*found) != has_zone(wanted)))
            throw Error(sqlstate::kDatatypeMismatch,
                        "column " + in_quotes(wanted.name) + " has type " + found->type_name + " instead of " +
                            wanted.type_name,
                        "The model was trained with type " + wanted.type_name + ".",
                        is_time && found->meaning == wanted.meaning
                            ? "Convert it with AT TIME ZONE, or add a type cast."
                            : "You might need to add a type cast.");
        column.position = static_cast<int>(found - columns.begin());
    };
    SeriesColumns bound = *this;
    bind_column(bound.time, "time");
    for (Column& mode : bound.modes)
        bind_column(mode, "key");
    bind_column(bound.value, "value");
    for (Column& covariate : bound.covariates)
        bind_column(covariate, "covariate");
    return bound;
}

bool SeriesColumns::time_has_zone() const {
    return has_zone(time.description);
}

}  // namespace tensile
