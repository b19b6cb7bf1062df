// Which column of a query is what to a forecasting method, and the shared options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "models/series/series_options.h"
#include "series_fixture.h"

namespace tensile {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum ColumnMeaning;

const std::vector<ColumnDescription> kAir = {{"ts", "timestamp with time zone", kTimestamp},
                                             {"station", "text", kText},
                                             {"pollutant", "text", kText},
                                             {"value", "real", kNumber}};

SeriesColumns resolve(const std::vector<ColumnDescription>& columns, std::string_view options = "{}",
                      std::vector<std::string> targets = {}) {
    const Options parsed = Options::parse("seasonal_naive", series_option_declarations(), options);
    return SeriesColumns::resolve(SeriesOptions::from(parsed), targets, columns);
}

std::vector<std::string> names(const std::vector<SeriesColumns::Column>& columns) {
    std::vector<std::string> names;
    for (const SeriesColumns::Column& column : columns)
        names.push_back(column.description.name);
    return names;
}

std::vector<ColumnDescription> with(std::vector<ColumnDescription> columns, ColumnDescription more) {
    columns.push_back(std::move(more));
    return columns;
}

TEST(SeriesColumns, DefaultsFollowFromTypes) {
    const SeriesColumns columns = resolve(kAir);
    EXPECT_EQ(columns.time.description.name, "ts");
    EXPECT_THAT(names(columns.modes), ElementsAre("station", "pollutant"));
    EXPECT_EQ(columns.value.description.name, "value");
    EXPECT_EQ(columns.value.position, 3);
    EXPECT_TRUE(columns.covariates.empty());
    EXPECT_TRUE(columns.time_has_zone());
}

TEST(SeriesColumns, OptionsAndTargetsChoose) {
    const std::vector<ColumnDescription> columns = {{"id", "integer", kNumber},
                                                    {"day", "date", kTimestamp},
                                                    {"sold", "integer", kNumber},
                                                    {"price", "real", kNumber},
                                                    {"holiday", "boolean", kBoolean}};
    const SeriesColumns by_option = resolve(columns, R"({"modes": ["id"], "value": "sold"})");
    EXPECT_THAT(names(by_option.modes), ElementsAre("id"));
    EXPECT_THAT(names(by_option.covariates), ElementsAre("price", "holiday"));
    EXPECT_FALSE(by_option.time_has_zone());
    const SeriesColumns by_target = resolve(columns, R"({"modes": ["id"], "covariates": ["price"]})", {"sold"});
    EXPECT_EQ(by_target.value.description.name, "sold");
    EXPECT_THAT(names(by_target.covariates), ElementsAre("price"));
    // What is neither key nor covariate is the value.
    const SeriesColumns remaining = resolve(columns, R"({"modes": ["id"], "covariates": ["price", "holiday"]})");
    EXPECT_EQ(remaining.value.description.name, "sold");
}

TEST(SeriesColumns, ABooleanIsACovariateUnlessNamedAsAMode) {
    const std::vector<ColumnDescription> columns = with(kAir, {"holiday", "boolean", kBoolean});
    EXPECT_THAT(names(resolve(columns, "{}").covariates), ElementsAre("holiday"));
    const SeriesColumns named = resolve(columns, R"({"modes": ["station", "pollutant", "holiday"]})");
    EXPECT_THAT(names(named.modes), ElementsAre("station", "pollutant", "holiday"));
    EXPECT_TRUE(named.covariates.empty());
}

TEST(SeriesColumns, UnclearColumnsAreRefused) {
    const auto error = [](const std::vector<ColumnDescription>& columns, std::string_view options = "{}",
                          std::vector<std::string> targets = {}) {
        return error_of([&] { resolve(columns, options, targets); });
    };
    const Error two_values = error(with(kAir, {"height", "integer", kNumber}));
    EXPECT_EQ(two_values.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(two_values.message(), "query returns more than one numeric column");
    EXPECT_EQ(two_values.detail(), "They are \"value\", \"height\"; only one can be the value of the series.");
    EXPECT_THAT(two_values.hint(), HasSubstr(R"({"value": "value"})"));

    const Error two_times = error(with(kAir, {"seen", "date", kTimestamp}));
    EXPECT_EQ(two_times.sqlstate(), sqlstate::kInvalidParameterValue);
    EXPECT_EQ(two_times.message(), "query returns more than one date or timestamp column");
    const Error extra_time = error(with(kAir, {"seen", "date", kTimestamp}), R"({"time": "ts"})");
    EXPECT_EQ(extra_time.message(), "column \"seen\" of type date cannot be used");
    EXPECT_EQ(extra_time.hint(), "Leave it out of the query.");

    const Error none = error({kAir[0], kAir[1]});
    EXPECT_EQ(none.message(), "query returns no numeric column to forecast");
    const Error unknown = error(kAir, R"({"modes": ["town"]})");
    EXPECT_EQ(unknown.sqlstate(), sqlstate::kUndefinedColumn);
    EXPECT_EQ(unknown.message(), "column \"town\" of option \"modes\" is not returned by the query");
    EXPECT_EQ(unknown.hint(), "The query returns \"ts\", \"station\", \"pollutant\", \"value\".");
    const Error left_out = error(kAir, R"({"modes": ["station"]})");
    EXPECT_EQ(left_out.message(), "column \"pollutant\" is not among the modes");
    const Error both = error(kAir, R"({"covariates": ["value"], "value": "value"})");
    EXPECT_EQ(both.message(), "column \"value\" cannot be used twice");
    EXPECT_EQ(both.detail(), "It is named by option \"value\" and by option \"covariates\".");
    EXPECT_EQ(error(kAir, R"({"modes": ["station", "station", "pollutant"]})").detail(),
              "It is named by option \"modes\" more than once.");
    EXPECT_EQ(error(kAir, "{}", {"value", "ts"}).message(), "only one target can be forecast");
    EXPECT_EQ(error(kAir, R"({"value": "value"})", {"station"}).message(),
              "option \"value\" and the target name different columns");
    EXPECT_EQ(error(with(kAir, kAir[3])).sqlstate(), "42701");
    EXPECT_EQ(error(with(kAir, {"gr\xfc\xdf", "real", kNumber})).sqlstate(), "22021");
    const Error graph = error(kAir, R"({"graphs": {"town": "roads"}})");
    EXPECT_EQ(graph.message(), "option \"graphs\" names a mode \"town\" that does not exist");
    EXPECT_EQ(graph.hint(), "Modes are \"station\", \"pollutant\".");
    EXPECT_EQ(error(kAir, R"({"step": "soon"})").message(), "invalid time step \"soon\"");
}

TEST(SeriesColumns, TypesThatCannotBeUsedAreRefused) {
    const auto error = [](const std::vector<ColumnDescription>& columns, std::string_view options,
                          std::vector<std::string> targets = {}) {
        const Error found = error_of([&] { resolve(columns, options, targets); });
        EXPECT_EQ(found.sqlstate(), sqlstate::kDatatypeMismatch);
        return found;
    };
    const std::vector<ColumnDescription> numbered = {
        {"year", "integer", kNumber}, {"station", "text", kText}, {"value", "real", kNumber}};
    const Error number = error(numbered, R"({"time": "year", "value": "value"})");
    EXPECT_EQ(number.message(), "column \"year\" of type integer cannot be the time of series");
    EXPECT_THAT(number.hint(), HasSubstr("make_timestamp("));
    EXPECT_THAT(number.hint(), HasSubstr("to_timestamp("));
    const Error none = error(numbered, "{}");
    EXPECT_EQ(none.message(), "query returns no column of type date or timestamp");
    EXPECT_THAT(none.hint(), HasSubstr("to_timestamp("));
    EXPECT_EQ(error(kAir, R"({"time": "station"})").hint(), "Cast it to timestamp.");
    EXPECT_EQ(error(kAir, "{}", {"station"}).message(),
              "column \"station\" of type text cannot be the value of series");
    EXPECT_EQ(error(with(kAir, {"wet", "boolean", kBoolean}), "{}", {"wet"}).hint(), "Cast it to integer.");
    const auto blocks = with(kAir, {"vector", "real[]", kBlock});
    EXPECT_EQ(error(blocks, "{}").message(), "column \"vector\" of type real[] cannot be used");
    EXPECT_EQ(error(blocks, R"({"modes": ["vector"]})").message(), "column \"vector\" of type real[] cannot be a mode");
    EXPECT_EQ(error(kAir, R"({"covariates": ["pollutant"], "modes": ["station"]})").message(),
              "column \"pollutant\" of type text cannot be a covariate");
}

TEST(SeriesOptions, TheSeasonIsThatOfTheStep) {
    const auto season = [](const char* step, std::int64_t steps = 1'000'000) {
        return usual_season(parse_time_step(step), steps);
    };
    EXPECT_EQ(season("1 hour"), 24);
    EXPECT_EQ(season("30 minutes"), 48);
    EXPECT_EQ(season("1 minute"), 1440);
    EXPECT_EQ(season("6 hours"), 4);
    EXPECT_EQ(season("1 day"), 7);
    EXPECT_EQ(season("1 week"), 52);
    EXPECT_EQ(season("1 month"), 12);
    EXPECT_EQ(season("3 months"), 4);
    for (const char* step : {"1 year", "5 months", "10 seconds", "7 hours", "2 days", "7 minutes"})
        EXPECT_EQ(season(step), 1) << step;
    EXPECT_EQ(season("1 hour", 48), 24);
    EXPECT_EQ(season("1 hour", 47), 1);
}

}  // namespace
}  // namespace tensile
