// Column blocks: what a writer lays out a reader accepts, and nothing else passes.
#include "protocol/column_block.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace tensile::protocol {
namespace {

constexpr std::uint32_t kCapacity = 4;

// A block with a double, a text and a real[3] column, two of four rows filled.
class ColumnBlockTest : public testing::Test {
  protected:
    ColumnBlockTest() {
        const std::vector<ColumnSpec> columns = {
            {ElementType::kF64}, {ElementType::kText}, {ElementType::kBlockF32, 3}};
        layout_ = lay_out(columns, kCapacity);
        words_.resize((layout_.heap_offset + 64) / sizeof(std::uint64_t));
        start_block(block(), layout_, kCapacity);
        header().row_count = 2;
        header().heap_bytes = 6;
        std::memcpy(block().data() + layout_.heap_offset, "catdog", 6);
        references()[0] = {0, 3};
        references()[1] = {3, 3};
    }

    std::span<std::byte> block() { return std::as_writable_bytes(std::span(words_)); }
    BlockHeader& header() { return *reinterpret_cast<BlockHeader*>(block().data()); }
    ColumnHeader& column(std::size_t i) {
        return reinterpret_cast<ColumnHeader*>(block().data() + sizeof(BlockHeader))[i];
    }
    TextReference* references() {
        return reinterpret_cast<TextReference*>(block().data() + layout_.columns[1].values_offset);
    }
    // Why the block is refused, or "" when it is accepted.
    std::string problem() {
        std::string problem;
        return validate(block(), problem) ? "" : problem;
    }

    BlockLayout layout_;
    std::vector<std::uint64_t> words_;
};

TEST_F(ColumnBlockTest, AcceptsWhatItLaidOut) {
    std::string problem;
    const std::optional<BlockView> view = validate(block(), problem);
    ASSERT_TRUE(view) << problem;
    EXPECT_EQ(view->row_count, 2U);
    ASSERT_EQ(view->columns.size(), 3U);
    EXPECT_EQ(view->columns[2].width, 3U);
    EXPECT_EQ(view->nulls(0), nullptr);
    const auto* text = static_cast<const TextReference*>(view->values(1));
    EXPECT_EQ(std::string(view->heap + text[1].offset, text[1].length), "dog");
}

TEST_F(ColumnBlockTest, AreasDoNotOverlap) {
    for (const std::uint32_t capacity : {1U, 63U, 64U, 1000U}) {
        const std::vector<ColumnSpec> columns = {
            {ElementType::kBool}, {ElementType::kBlockF32, 5}, {ElementType::kI64}};
        const BlockLayout layout = lay_out(columns, capacity);
        std::uint64_t end = sizeof(BlockHeader) + columns.size() * sizeof(ColumnHeader);
        for (const ColumnHeader& header : layout.columns) {
            EXPECT_GE(header.values_offset, end);
            EXPECT_GE(header.nulls_offset, header.values_offset + bytes_per_row(header.type, header.width) * capacity);
            end = header.nulls_offset + capacity;
            EXPECT_EQ(header.values_offset % (capacity < 64 ? 8 : 64), 0U);
        }
        EXPECT_GE(layout.heap_offset, end);
    }
}

TEST_F(ColumnBlockTest, NullTextIsNotLookedAt) {
    references()[1] = {1000, 1000};
    EXPECT_NE(problem(), "");
    column(1).has_nulls = 1;
    block()[layout_.columns[1].nulls_offset + 1] = std::byte{1};
    EXPECT_EQ(problem(), "");
}

TEST_F(ColumnBlockTest, RefusesAMisalignedBlock) {
    std::string problem;
    EXPECT_FALSE(validate(block().subspan(4), problem));
    EXPECT_EQ(problem, "malformed column block: not aligned");
}

TEST_F(ColumnBlockTest, RefusesEveryTruncation) {
    for (std::size_t bytes = 0; bytes < layout_.heap_offset + 6; ++bytes) {
        // A buffer of that very size, so that a sanitizer sees a read behind its end.
        std::vector<std::byte> cut(block().begin(), block().begin() + static_cast<std::ptrdiff_t>(bytes));
        std::string problem;
        EXPECT_FALSE(validate(cut, problem)) << bytes;
    }
}

struct Damage {
    const char* name;
    std::function<void(BlockHeader&, ColumnHeader*, TextReference*)> apply;
};

class DamagedBlockTest : public ColumnBlockTest, public testing::WithParamInterface<Damage> {};

TEST_P(DamagedBlockTest, IsRefused) {
    ASSERT_EQ(problem(), "");
    GetParam().apply(header(), &column(0), references());
    EXPECT_NE(problem(), "");
}

constexpr auto kHuge = ~std::uint64_t{0};

INSTANTIATE_TEST_SUITE_P(
    All, DamagedBlockTest,
    testing::Values(
        Damage{"magic", [](auto& header, auto*, auto*) { header.magic ^= 1; }},
        Damage{"column_count", [](auto& header, auto*, auto*) { header.column_count = kMaxColumns + 1; }},
        Damage{"column_count_beyond_block", [](auto& header, auto*, auto*) { header.column_count = kMaxColumns; }},
        Damage{"row_count", [](auto& header, auto*, auto*) { header.row_count = kCapacity + 1; }},
        Damage{"capacity", [](auto& header, auto*, auto*) { header.capacity = 0xFFFFFFFF; }},
        Damage{"heap_offset", [](auto& header, auto*, auto*) { header.heap_offset = kHuge; }},
        Damage{"heap_in_headers", [](auto& header, auto*, auto*) { header.heap_offset = 8; }},
        Damage{"heap_bytes", [](auto& header, auto*, auto*) { header.heap_bytes = kHuge; }},
        Damage{"type", [](auto&, auto* columns, auto*) { columns[0].type = static_cast<ElementType>(8); }},
        Damage{"null_flag", [](auto&, auto* columns, auto*) { columns[0].has_nulls = 2; }},
        Damage{"width_zero", [](auto&, auto* columns, auto*) { columns[2].width = 0; }},
        Damage{"width_of_scalar", [](auto&, auto* columns, auto*) { columns[0].width = 2; }},
        Damage{"width", [](auto&, auto* columns, auto*) { columns[2].width = kMaxBlockWidth + 1; }},
        Damage{"wide_beyond_block", [](auto&, auto* columns, auto*) { columns[2].width = kMaxBlockWidth; }},
        Damage{"values_alignment", [](auto&, auto* columns, auto*) { columns[0].values_offset += 4; }},
        Damage{"values_beyond_block", [](auto&, auto* columns, auto*) { columns[0].values_offset = 1 << 20; }},
        Damage{"values_wrap", [](auto&, auto* columns, auto*) { columns[0].values_offset = kHuge - 7; }},
        Damage{"values_in_headers", [](auto&, auto* columns, auto*) { columns[0].values_offset = 0; }},
        Damage{"nulls_beyond_block",
               [](auto&, auto* columns, auto*) {
                   columns[0].has_nulls = 1;
                   columns[0].nulls_offset = kHuge;
               }},
        Damage{"text_length", [](auto&, auto*, auto* text) { text[1].length = 4; }},
        Damage{"text_offset", [](auto&, auto*, auto* text) { text[0].offset = 0xFFFFFFFF; }}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ColumnBlock, AnEmptyBlockIsABlock) {
    const BlockLayout layout = lay_out({}, 0);
    std::vector<std::uint64_t> words(layout.heap_offset / sizeof(std::uint64_t));
    const std::span<std::byte> block = std::as_writable_bytes(std::span(words));
    start_block(block, layout, 0);
    std::string problem;
    const std::optional<BlockView> view = validate(block, problem);
    ASSERT_TRUE(view) << problem;
    EXPECT_EQ(view->row_count, 0U);
}

}  // namespace
}  // namespace tensile::protocol
