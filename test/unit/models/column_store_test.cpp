// Rows on their way into the packed table: selection, chunks, NULLs, split.
#include "models/table/column_store.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/table/packed_table.h"
#include "models/table/row_collector.h"
#include "sample_table.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

using testing::SampleTable;

TEST(TextDictionary, NumbersTextsInOrderOfArrival) {
    TextDictionary dictionary;
    EXPECT_FALSE(dictionary.find("a"));
    EXPECT_EQ(dictionary.add("a"), 0U);
    EXPECT_EQ(dictionary.add(""), 1U);
    EXPECT_EQ(dictionary.add(std::string_view("a\0b", 3)), 2U);
    EXPECT_EQ(dictionary.add("a"), 0U);
    for (int i = 0; i < 10000; ++i)
        EXPECT_EQ(dictionary.add("text " + std::to_string(i)), static_cast<std::uint32_t>(3 + i));
    EXPECT_EQ(*dictionary.find(""), 1U);
    EXPECT_EQ(*dictionary.find(std::string_view("a\0b", 3)), 2U);
    EXPECT_EQ(*dictionary.find("text 9999"), 10002U);
    EXPECT_FALSE(dictionary.find("text 10000"));
    EXPECT_EQ(dictionary.text(5), "text 2");
    EXPECT_EQ(dictionary.size(), 10003U);
    EXPECT_GT(dictionary.bytes(), 10003U * 10);
}

// A table whose numbers are their row numbers; every third row has no target, every fifth x is NULL.
SampleTable numbered(int rows) {
    std::vector<float> x;
    std::vector<std::int32_t> i;
    std::vector<std::string> label;
    std::vector<double> target;
    SampleTable::Nulls x_nulls;
    SampleTable::Nulls target_nulls;
    for (int row = 0; row < rows; ++row) {
        x.push_back(static_cast<float>(row));
        i.push_back(row);
        label.push_back(std::to_string(row % 7));
        target.push_back(row);
        x_nulls.push_back(row % 5 == 0 ? 1 : 0);
        target_nulls.push_back(row % 3 == 0 ? 1 : 0);
    }
    SampleTable table;
    table.add("x", x, x_nulls);
    table.add("i", i);
    table.add_text("label", label);
    table.add("target", target, target_nulls);
    return table;
}

TEST(RowCollector, KeepsRowsWithATargetWhateverTheBlocks) {
    const SampleTable table = numbered(1000);
    const std::vector<int> targets = {3};
    RowCollector whole(table.descriptions(), targets, 0.2, 9);
    whole.append(table.rows());
    EXPECT_EQ(whole.rows_read(), 1000);
    EXPECT_EQ(whole.rows_kept(), 666);

    // The same rows in blocks of 70 give the same.
    RowCollector parts(table.descriptions(), targets, 0.2, 9);
    for (std::int64_t begin = 0; begin < 1000; begin += 70) {
        RawRows rows = table.rows();
        std::vector<RawColumn> columns(rows.columns.begin(), rows.columns.end());
        rows.count = std::min<std::int64_t>(70, 1000 - begin);
        columns[0] = {RawType::kF32, columns[0].as<float>() + begin, columns[0].nulls + begin, 1};
        columns[1] = {RawType::kI32, columns[1].as<std::int32_t>() + begin, nullptr, 1};
        columns[2] = {RawType::kText, columns[2].as<TextSlice>() + begin, nullptr, 1};
        columns[3] = {RawType::kF64, columns[3].as<double>() + begin, columns[3].nulls + begin, 1};
        rows.columns = columns;
        parts.append(rows);
    }
    ASSERT_EQ(parts.rows_kept(), 666);
    std::int64_t row = 0;
    for (std::int64_t kept = 0; kept < 666; ++kept, ++row) {
        while (row % 3 == 0)
            ++row;
        for (RowCollector* rows : {&whole, &parts}) {
            const float x = rows->column(0).chunk(0).as<float>()[kept];
            if (row % 5 == 0) {
                EXPECT_TRUE(std::isnan(x));
            } else {
                EXPECT_EQ(x, static_cast<float>(row));
            }
            EXPECT_EQ(rows->column(1).chunk(0).as<double>()[kept], static_cast<double>(row));
            EXPECT_EQ(rows->column(2).dictionary().text(rows->column(2).codes(0)[kept]), std::to_string(row % 7));
        }
        // The split knows the position among all rows that were read, not among those kept.
        EXPECT_EQ(whole.is_training()[static_cast<std::size_t>(kept)],
                  random_uniform(9, kSplitStream, static_cast<std::uint64_t>(row)) < 0.2 ? 0 : 1);
        EXPECT_EQ(whole.is_training()[static_cast<std::size_t>(kept)],
                  parts.is_training()[static_cast<std::size_t>(kept)]);
    }
    EXPECT_EQ(whole.column(0).nulls(), 133);
    EXPECT_LT(whole.column(0).training_nulls(), 133);
}

TEST(RowCollector, AnotherArrayLengthIsAnError) {
    const std::vector<int> targets = {0};
    SampleTable three;
    three.add("y", std::vector<float>{1, 2});
    three.add("v", std::vector<float>{1, 2, 3, 4, 5, 6}, {}, 3);
    SampleTable two;
    two.add("y", std::vector<float>{1, 2});
    two.add("v", std::vector<float>{1, 2, 3, 4}, {}, 2);
    RowCollector rows(three.descriptions(), targets, 0, 0);
    rows.append(three.rows());
    try {
        rows.append(two.rows());
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kInvalidParameterValue);
        EXPECT_EQ(error.message(), "arrays of column \"v\" differ in length");
    }
}

TEST(RowCollector, TheFirstArrayThatIsNotNullFixesTheLength) {
    const std::vector<int> targets = {0};
    SampleTable nulls;  // whose sender does not know the length
    nulls.add("y", std::vector<float>(300, 1.0F));
    nulls.add("v", std::vector<float>(600, 7.0F), SampleTable::Nulls(300, 1), 2);
    SampleTable three;
    three.add("y", std::vector<float>{1, 2});
    three.add("v", std::vector<float>{1, 2, 3, 4, 5, 6}, {0, 1}, 3);
    SampleTable two;
    two.add("y", std::vector<float>{1});
    two.add("v", std::vector<float>{1, 2}, {}, 2);
    RowCollector rows(nulls.descriptions(), targets, 0, 0);
    rows.append(nulls.rows());
    rows.append(three.rows());
    rows.append(nulls.rows());
    EXPECT_THROW(rows.append(two.rows()), Error);

    const ColumnStore& column = rows.column(1);
    ASSERT_EQ(column.width(), 3U);
    EXPECT_EQ(column.nulls(), 601);
    std::int64_t row = 0;
    for (std::int64_t index = 0; index < column.chunk_count(); ++index) {
        for (std::int64_t i = 0; i < column.rows_in(index); ++i, ++row) {
            for (std::int64_t element = 0; element < 3; ++element) {
                const float value = column.chunk(index).as<float>()[i * 3 + element];
                if (row == 300) {
                    EXPECT_EQ(value, static_cast<float>(element + 1));
                } else {
                    EXPECT_TRUE(std::isnan(value)) << row;
                }
            }
        }
    }
    EXPECT_EQ(row, 602);
}

TEST(PackedTable, HoldsTheEncodedRowsOverManyChunks) {
    const SampleTable table = numbered(200'000);
    const std::vector<int> targets = {3};
    const std::vector<int> features = {0, 1, 2};
    RowCollector rows(table.descriptions(), targets, 0.25, 4);
    rows.append(table.rows());
    EXPECT_GT(rows.column(0).chunk_count(), 1);
    const std::uint64_t raw_bytes = rows.bytes();
    EXPECT_GE(raw_bytes, 133'333U * (4 + 8 + 4 + 8));

    const TargetEncoding task = TargetEncoding::fit(rows.column(3), rows.is_training());
    const TableEncoding encoding = TableEncoding::fit(rows, features, 100, 0);
    const PackedTable packed(std::move(rows), encoding, features, std::span(&task, 1), targets);
    EXPECT_EQ(packed.training_rows().size() + packed.validation_rows().size(), 133'333U);
    EXPECT_NEAR(static_cast<double>(packed.validation_rows().size()) / 133'333, 0.25, 0.01);
    EXPECT_GE(packed.bytes(), 133'333U * (3 * 4 + 4 + 4 + 4));

    ASSERT_EQ(packed.number_width(), 3);  // x and its NULL indicator, i
    ASSERT_EQ(packed.code_widths().size(), 1U);
    std::int64_t row = 0;
    for (std::uint32_t kept = 0; kept < 133'333; ++kept, ++row) {
        while (row % 3 == 0)
            ++row;
        const RawRows raw = table.rows();
        float numbers[3];
        std::int32_t code = 0;
        EncodedRows out;
        out.numbers = numbers;
        out.number_stride = 3;
        out.codes.push_back({&code, 1});
        encoding.encode(raw, features, row, row + 1, out);
        ASSERT_EQ(packed.numbers(kept)[0], numbers[0]) << row;
        ASSERT_EQ(packed.numbers(kept)[1], row % 5 == 0 ? 1.0F : 0.0F);
        ASSERT_EQ(packed.numbers(kept)[2], numbers[2]);
        ASSERT_EQ(packed.codes(kept)[0], code);
        ASSERT_NEAR(task.to_units(static_cast<double>(packed.target(0, kept))), static_cast<double>(row), 0.05);
    }
}

}  // namespace
}  // namespace tensile
