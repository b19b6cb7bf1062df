// Encodings: what becomes of ordinary, missing and hostile values, and that a stored encoding is the same one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include <nlohmann/json.hpp>

#include "models/table/block_encoding.h"
#include "models/table/category_encoding.h"
#include "models/table/number_encoding.h"
#include "models/table/table_encoding.h"
#include "models/table/target_encoding.h"
#include "models/table/timestamp_encoding.h"
#include "sample_table.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;
using testing::SampleTable;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Collects all rows of a table for training.
RowCollector collect(const SampleTable& table, std::vector<int> targets = {0}) {
    RowCollector rows(table.descriptions(), targets, 0, 0);
    rows.append(table.rows());
    return rows;
}

std::vector<float> numbers_of(const ColumnEncoding& encoding, const SampleTable& table, int column) {
    std::vector<float> out(static_cast<std::size_t>(table.count() * encoding.number_width()), -77.0F);
    encoding.encode_numbers(table.rows().columns[static_cast<std::size_t>(column)], 0, table.count(), out.data(),
                            encoding.number_width());
    return out;
}

std::vector<std::int32_t> codes_of(const ColumnEncoding& encoding, const SampleTable& table, int column) {
    std::vector<std::int32_t> out(static_cast<std::size_t>(table.count()), -77);
    encoding.encode_codes(table.rows(), table.rows().columns[static_cast<std::size_t>(column)], 0, table.count(),
                          out.data(), 1);
    return out;
}

// Fits column `column`, and checks that the encoding is the same after it was written and read.
std::unique_ptr<ColumnEncoding> fit_and_reload(const SampleTable& table, int column,
                                               std::int64_t max_categories = 100) {
    const RowCollector rows = collect(table);
    const auto fitted = fit_encoding(rows.column(column), rows.is_training(), max_categories);
    auto reloaded = encoding_from_json(nlohmann::ordered_json::parse(fitted->to_json().dump()));
    EXPECT_EQ(reloaded->to_json(), fitted->to_json());
    EXPECT_EQ(reloaded->number_width(), fitted->number_width());
    EXPECT_EQ(reloaded->category_rows(), fitted->category_rows());
    EXPECT_EQ(numbers_of(*reloaded, table, column), numbers_of(*fitted, table, column));
    EXPECT_EQ(codes_of(*reloaded, table, column), codes_of(*fitted, table, column));
    return reloaded;
}

// Column 0 is a target that is always there.
SampleTable with_target(std::size_t rows) {
    SampleTable table;
    table.add("y", std::vector<float>(rows, 1.0F));
    return table;
}

TEST(NumberEncoding, StandardisesByTheTrainingRows) {
    SampleTable table = with_target(4);
    table.add("x", std::vector<double>{1, 3, 1, 3});
    const auto encoding = fit_and_reload(table, 1);
    EXPECT_EQ(encoding->number_width(), 1);
    EXPECT_THAT(numbers_of(*encoding, table, 1), ElementsAre(-1, 1, -1, 1));
}

TEST(NumberEncoding, MissingValuesAreZeroWithAnIndicatorIfTrainingSawThem) {
    SampleTable table = with_target(6);
    table.add("x", std::vector<float>{1, 3, 99, kNaN, kInfinity, -kInfinity}, {0, 0, 1, 0, 0, 0});
    const auto encoding = fit_and_reload(table, 1);
    ASSERT_EQ(encoding->number_width(), 2);
    EXPECT_THAT(numbers_of(*encoding, table, 1), ElementsAre(-1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1));
    EXPECT_EQ(encoding->to_json().at("training_nulls"), 1);
    EXPECT_EQ(encoding->to_json().at("training_not_finite"), 3);

    SampleTable complete = with_target(2);
    complete.add("x", std::vector<float>{1, 3});
    const auto without = fit_and_reload(complete, 1);
    EXPECT_EQ(without->number_width(), 1);
    EXPECT_THAT(numbers_of(*without, table, 1), ElementsAre(-1, 1, 0, 0, 0, 0));
}

TEST(NumberEncoding, HostileColumnsGiveFiniteInputs) {
    const std::vector<std::vector<double>> columns = {
        {0.1, 0.1, 0.1, 0.1},         {1e308, 1e308, -1e308, 1e308},
        {1e308, 1e308, 1e308, 1e307}, {5e-324, 0, 5e-324, 0},
        {kNaN, kNaN, kNaN, kNaN},     {1e15, 1e15 + 1, 1e15 + 2, 1e15 + 3},
        {1e-300, 2e-300, 0, 4e-300},  {0, 0, 0, 1},
    };
    for (const std::vector<double>& values : columns) {
        SampleTable table = with_target(values.size());
        table.add("x", values);
        const auto encoding = fit_and_reload(table, 1);
        SampleTable extremes = with_target(5);
        extremes.add("x", std::vector<double>{1e308, -1e308, 0, 5e-324, 1});
        for (const SampleTable* rows : {&table, &extremes})
            for (float value : numbers_of(*encoding, *rows, 1)) {
                EXPECT_TRUE(std::isfinite(value)) << values[0];
                EXPECT_LE(std::abs(value), 1e4F);
            }
    }
    SampleTable constant = with_target(3);
    constant.add("x", std::vector<double>{0.1, 0.1, 0.1});
    EXPECT_THAT(numbers_of(*fit_and_reload(constant, 1), constant, 1), Each(0.0F));
    // Differences survive beside a huge mean.
    SampleTable shifted = with_target(2);
    shifted.add("x", std::vector<double>{1e15, 1e15 + 2});
    EXPECT_THAT(numbers_of(*fit_and_reload(shifted, 1), shifted, 1), ElementsAre(-1, 1));
}

TEST(NumberEncoding, HeavyTailsGetALogarithm) {
    std::vector<double> values(1000, 0.0);
    for (std::size_t i = 0; i < 40; ++i)
        values[i * 25] = 100.0 * static_cast<double>(i + 1);
    values[7] = 99999;
    SampleTable table = with_target(values.size());
    table.add("gain", values);
    const auto encoding = fit_and_reload(table, 1);
    ASSERT_EQ(encoding->number_width(), 2);
    const std::vector<float> out = numbers_of(*encoding, table, 1);
    EXPECT_EQ(out[2 * 7], 5.0F);       // kept within its range
    EXPECT_LT(out[2 * 7 + 1], 15.0F);  // and told apart by its logarithm
    EXPECT_GT(out[2 * 7 + 1], out[2 * 975 + 1]);
    EXPECT_GT(out[2 * 975 + 1] - out[2 * 0 + 1], 1.0F);

    SampleTable normal = with_target(1000);
    std::vector<double> x;
    for (std::uint64_t i = 0; i < 1000; ++i)
        x.push_back(random_normal(3, 0, i));
    normal.add("x", x);
    EXPECT_EQ(fit_and_reload(normal, 1)->number_width(), 1);
}

TEST(CategoryEncoding, RowsByFrequencyThenBytes) {
    SampleTable table = with_target(10);
    table.add_text("c", {"b", "a", "c", "c", "b", "a", "c", "rare", "", ""}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
    const auto encoding = fit_and_reload(table, 1);
    // other, c, a, b, NULL: "rare" and "" occur once.
    EXPECT_EQ(encoding->category_rows(), 5);
    EXPECT_THAT(codes_of(*encoding, table, 1), ElementsAre(3, 2, 1, 1, 3, 2, 1, 0, 0, 4));

    SampleTable unseen = with_target(3);
    unseen.add_text("c", {"C", "c ", "c"});
    EXPECT_THAT(codes_of(*encoding, unseen, 1), ElementsAre(0, 0, 1));
    EXPECT_EQ(fit_and_reload(table, 1, 1)->category_rows(), 3);
}

TEST(CategoryEncoding, BooleansAndNullsNeverSeen) {
    SampleTable table = with_target(5);
    table.add_bool("b", {1, 0, 1, 0, 1});
    const auto encoding = fit_and_reload(table, 1);
    EXPECT_EQ(encoding->category_rows(), 3);
    EXPECT_THAT(codes_of(*encoding, table, 1), ElementsAre(1, 2, 1, 2, 1));
    SampleTable nulls = with_target(2);
    nulls.add_bool("b", {1, 1}, {1, 0});
    EXPECT_THAT(codes_of(*encoding, nulls, 1), ElementsAre(0, 1));
}

TEST(CategoryEncoding, TextThatIsNotUtf8IsRefusedInTime) {
    for (const char* bad : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80", "\xe0\x80\x80"})
        EXPECT_FALSE(is_utf8(bad)) << bad;
    for (const char* good : {"", "plain", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\x98", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_utf8(good)) << good;
    SampleTable table = with_target(2);
    table.add_text("c", {"\xff", "\xff"});
    const RowCollector rows = collect(table);
    try {
        CategoryEncoding::fit(rows.column(1), 10);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), "22021");
        EXPECT_THAT(error.message(), HasSubstr("\"c\""));
    }
}

TEST(CategoryEncoding, AMillionCategories) {
    constexpr int kDistinct = 1'000'000;
    std::vector<std::string> values;
    for (int copy = 0; copy < 2; ++copy)
        for (int i = 0; i < kDistinct; ++i)
            values.push_back("category " + std::to_string(i));
    SampleTable table = with_target(values.size());
    table.add_text("c", values);
    const RowCollector rows = collect(table);
    EXPECT_GT(rows.bytes(), 20'000'000U);
    const auto all = CategoryEncoding::fit(rows.column(1), 2'000'000);
    EXPECT_EQ(all->category_rows(), 1 + kDistinct);
    EXPECT_NE(all->code_of("category 999999"), CategoryEncoding::kOther);
    const auto capped = CategoryEncoding::fit(rows.column(1), 10'000);
    EXPECT_EQ(capped->category_rows(), 10'001);
    // Equally frequent: the first by bytes are kept.
    EXPECT_NE(capped->code_of("category 0"), CategoryEncoding::kOther);
    EXPECT_EQ(capped->code_of("category 999999"), CategoryEncoding::kOther);
}

constexpr std::int64_t kDay = std::int64_t{86'400'000'000};

TEST(TimestampEncoding, CalendarFeatures) {
    SampleTable table = with_target(4);
    // 2000-01-01 00:00 (a Saturday), 2000-07-02 12:00, 1999-12-31 18:00, NULL.
    table.add_time("t", {0, 183 * kDay + kDay / 2, -kDay / 4, 5}, {0, 0, 0, 1});
    const auto encoding = fit_and_reload(table, 1);
    ASSERT_EQ(encoding->number_width(), 10);
    const std::vector<float> out = numbers_of(*encoding, table, 1);
    const auto angle = [&](int row, int channel) {
        const double sine = static_cast<double>(out[static_cast<std::size_t>(row * 10 + channel)]);
        const double cosine = static_cast<double>(out[static_cast<std::size_t>(row * 10 + channel + 1)]);
        EXPECT_NEAR(sine * sine + cosine * cosine, 1, 1e-6);
        const double position = std::atan2(sine, cosine) / (2 * std::numbers::pi);
        return position < -1e-6 ? position + 1 : position;
    };
    EXPECT_NEAR(angle(0, 1), 0, 1e-6);            // start of the year
    EXPECT_NEAR(angle(0, 3), 0, 1e-6);            // of the month
    EXPECT_NEAR(angle(0, 5), 6.0 / 7, 1e-6);      // Saturday
    EXPECT_NEAR(angle(0, 7), 0, 1e-6);            // midnight
    EXPECT_NEAR(angle(1, 1), 183.5 / 366, 1e-6);  // a leap year
    EXPECT_NEAR(angle(1, 3), 1.5 / 31, 1e-6);
    EXPECT_NEAR(angle(1, 5), 0.5 / 7, 1e-6);  // Sunday noon
    EXPECT_NEAR(angle(1, 7), 0.5, 1e-6);
    EXPECT_NEAR(angle(2, 1), 364.75 / 365, 1e-6);  // before 2000
    EXPECT_NEAR(angle(2, 7), 0.75, 1e-6);
    for (std::size_t channel = 0; channel < 9; ++channel)
        EXPECT_EQ(out[30 + channel], 0.0F);
    EXPECT_EQ(out[39], 1.0F);
    EXPECT_EQ(out[9], 0.0F);
}

TEST(TimestampEncoding, TheEndsOfTimeAreFinite) {
    SampleTable table = with_target(5);
    table.add_time("t", {INT64_MIN, INT64_MAX, INT64_MIN + 1, INT64_MAX - 1, 0});
    for (float value : numbers_of(*fit_and_reload(table, 1), table, 1))
        EXPECT_TRUE(std::isfinite(value));
}

TEST(BlockEncoding, StandardisesEachElement) {
    SampleTable table = with_target(4);
    table.add("v", std::vector<float>{1, 10, 3, 10, 1, kNaN, 0, 0}, {0, 0, 0, 1}, 2);
    const auto encoding = fit_and_reload(table, 1);
    ASSERT_EQ(encoding->number_width(), 3);
    const std::vector<float> out = numbers_of(*encoding, table, 1);
    EXPECT_THAT(std::vector<float>(out.begin(), out.begin() + 6),
                ElementsAre(FloatEq(-0.70710678F), 0, 0, FloatEq(1.41421356F), 0, 0));
    EXPECT_THAT(std::vector<float>(out.begin() + 9, out.end()), ElementsAre(0, 0, 1));
}

TEST(TableEncoding, BindsByNameAndSaysWhatIsWrong) {
    SampleTable table = with_target(4);
    table.add("x", std::vector<double>{1, 2, 3, 4});
    table.add_text("c", {"a", "a", "b", "b"});
    const RowCollector rows = collect(table);
    const std::vector<int> features = {1, 2};
    const TableEncoding fitted = TableEncoding::fit(rows, features, 10, 0);
    const TableEncoding encoding = TableEncoding::from_json(fitted.to_json());
    EXPECT_EQ(encoding.to_json(), fitted.to_json());

    const std::vector<ColumnDescription> reordered = {{"c", "varchar", ColumnMeaning::kText},
                                                      {"more", "date", ColumnMeaning::kTimestamp},
                                                      {"x", "integer", ColumnMeaning::kNumber}};
    EXPECT_THAT(encoding.bind(reordered), ElementsAre(2, 0));

    const auto error_of = [&](std::vector<ColumnDescription> given) {
        try {
            encoding.bind(given);
        } catch (const Error& error) {
            return error;
        }
        ADD_FAILURE();
        return Error("", "");
    };
    const Error missing = error_of({{"x", "integer", ColumnMeaning::kNumber}});
    EXPECT_EQ(missing.sqlstate(), sqlstate::kUndefinedColumn);
    EXPECT_EQ(missing.message(), "column \"c\" does not exist in the row");
    EXPECT_EQ(missing.hint(), "Pass a row that has a column \"c\" of type text.");
    EXPECT_THAT(error_of({{"x", "integer", ColumnMeaning::kNumber}, {"C", "text", ColumnMeaning::kText}}).hint(),
                HasSubstr("Perhaps you meant the column \"C\""));
    EXPECT_THAT(error_of({{"f1", "integer", ColumnMeaning::kNumber}}).hint(), HasSubstr("sub-select"));
    const Error mismatch = error_of({{"x", "text", ColumnMeaning::kText}, {"c", "text", ColumnMeaning::kText}});
    EXPECT_EQ(mismatch.sqlstate(), sqlstate::kDatatypeMismatch);
    EXPECT_EQ(mismatch.detail(),
              "The model was trained with numbers of type double precision, but the row has type text.");
}

TEST(TableEncoding, StacksTablesOfEqualWidth) {
    SampleTable table = with_target(8);
    table.add_text("a", {"p", "p", "q", "q", "r", "r", "s", "s"});
    table.add_bool("b", {0, 0, 0, 0, 1, 1, 1, 1});
    table.add_text("c", {"u", "u", "v", "v", "w", "w", "x", "x"});
    const RowCollector rows = collect(table);
    const std::vector<int> features = {1, 2, 3};
    const TableEncoding encoding = TableEncoding::fit(rows, features, 100, 6);
    ASSERT_EQ(encoding.groups().size(), 1U);
    EXPECT_EQ(encoding.groups()[0].columns, 3);
    EXPECT_EQ(encoding.groups()[0].table_rows, 5 + 3 + 5);
    EXPECT_EQ(encoding.groups()[0].width, 6);
    std::vector<std::int32_t> codes(24);
    EncodedRows out;
    out.codes.push_back({codes.data(), 3});
    encoding.encode(table.rows(), features, 0, 8, out);
    EXPECT_THAT(std::vector<std::int32_t>(codes.begin(), codes.begin() + 3), ElementsAre(1, 6, 9));
    EXPECT_THAT(std::vector<std::int32_t>(codes.end() - 3, codes.end()), ElementsAre(4, 7, 12));
}

TEST(TableEncoding, AnArrayOfAnotherLengthIsRefused) {
    SampleTable table = with_target(2);
    table.add("v", std::vector<float>{1, 2, 3, 4}, {}, 2);
    const RowCollector rows = collect(table);
    const std::vector<int> features = {1};
    const TableEncoding encoding = TableEncoding::fit(rows, features, 10, 0);
    SampleTable longer = with_target(1);
    longer.add("v", std::vector<float>{1, 2, 3}, {}, 3);
    std::vector<float> out(2);
    EncodedRows encoded;
    encoded.numbers = out.data();
    encoded.number_stride = 2;
    EXPECT_THROW(encoding.encode(longer.rows(), features, 0, 1, encoded), Error);
}

TEST(TargetEncoding, KindsFollowFromTheColumn) {
    SampleTable table;
    table.add("real", std::vector<float>{0, 1, 0, 1});
    table.add("flag", std::vector<std::int32_t>{0, 1, 1, 0});
    table.add("count", std::vector<std::int32_t>{0, 1, 2, 0});
    table.add_bool("bool", {0, 1, 1, 1});
    table.add_text("two", {"yes", "no", "no", "yes"});
    table.add_text("three", {"b", "a", "c", "b"});
    const RowCollector rows = collect(table);
    const auto fit = [&](int column) {
        const TargetEncoding fitted = TargetEncoding::fit(rows.column(column), rows.is_training());
        const TargetEncoding reloaded = TargetEncoding::from_json(fitted.to_json());
        EXPECT_EQ(reloaded.to_json(), fitted.to_json());
        return reloaded;
    };
    EXPECT_EQ(fit(0).kind(), TaskKind::kRegression);
    EXPECT_EQ(fit(0).type_name(), "double precision");
    EXPECT_EQ(fit(1).kind(), TaskKind::kBinary);
    EXPECT_EQ(fit(1).type_name(), "integer");
    EXPECT_EQ(fit(2).kind(), TaskKind::kRegression);
    EXPECT_EQ(fit(3).kind(), TaskKind::kBinary);
    EXPECT_THAT(fit(3).class_counts(), ElementsAre(1, 3));
    EXPECT_THAT(fit(4).labels(), ElementsAre("no", "yes"));
    EXPECT_EQ(fit(5).kind(), TaskKind::kMulticlass);
    EXPECT_EQ(fit(5).outputs(), 3);
    std::vector<float> classes(4);
    fit(5).encode(rows.column(5), 0, classes.data());
    EXPECT_THAT(classes, ElementsAre(1, 0, 2, 1));
    EXPECT_EQ(fit(5).value(table.rows(), table.rows().columns[5], 2), 2);
}

}  // namespace
}  // namespace tensile
