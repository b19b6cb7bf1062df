// Extents never overlap, free neighbours merge, and small extents stay out of the way of large ones.
#include "memory/extent_allocator.h"

#include <gtest/gtest.h>

#include <map>

#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

constexpr std::uint64_t kKilobyte = 1024;
constexpr std::uint64_t kMegabyte = 1024 * kKilobyte;
constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

TEST(ExtentAllocator, RoundsToGranules) {
    EXPECT_EQ(ExtentAllocator::rounded(0, kUnlimited), 64 * kKilobyte);
    EXPECT_EQ(ExtentAllocator::rounded(1, kUnlimited), 64 * kKilobyte);
    EXPECT_EQ(ExtentAllocator::rounded(64 * kKilobyte + 1, kUnlimited), 128 * kKilobyte);
    EXPECT_EQ(ExtentAllocator::rounded(16 * kMegabyte + 1, kUnlimited), 18 * kMegabyte);
    EXPECT_EQ(ExtentAllocator::rounded(16 * kMegabyte + 1, 17 * kMegabyte), 16 * kMegabyte + 64 * kKilobyte)
        << "rounding alone never makes a request too large";
    EXPECT_EQ(ExtentAllocator::rounded(kUnlimited, 17 * kMegabyte), kUnlimited);
}

TEST(ExtentAllocator, SmallAndLargeGrowFromOppositeEnds) {
    ExtentAllocator allocator(64 * kMegabyte);
    EXPECT_EQ(allocator.allocate(64 * kKilobyte), 64 * kMegabyte - 64 * kKilobyte);
    EXPECT_EQ(allocator.allocate(16 * kMegabyte), 0U);
    EXPECT_EQ(allocator.allocate(64 * kKilobyte), 64 * kMegabyte - 128 * kKilobyte);
    EXPECT_EQ(allocator.allocate(16 * kMegabyte), 16 * kMegabyte);
    EXPECT_EQ(allocator.largest_gap(), 32 * kMegabyte - 128 * kKilobyte);
}

TEST(ExtentAllocator, TakesTheSmallestGapThatFits) {
    ExtentAllocator allocator(kMegabyte);
    const std::uint64_t unit = 64 * kKilobyte;
    // From the high end: 1 unit, then 3, then 1, then the rest.
    const auto a = allocator.allocate(3 * unit);
    const auto barrier = allocator.allocate(unit);
    const auto b = allocator.allocate(2 * unit);
    const auto second_barrier = allocator.allocate(unit);
    ASSERT_TRUE(a && b && barrier && second_barrier);
    allocator.free(*a, 3 * unit);
    allocator.free(*b, 2 * unit);
    EXPECT_EQ(allocator.allocate(2 * unit), *b);
    EXPECT_EQ(allocator.allocate(unit), *a + 2 * unit);
}

TEST(ExtentAllocator, MergesNeighboursInAnyOrder) {
    const std::uint64_t unit = 64 * kKilobyte;
    const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (const auto& order : orders) {
        ExtentAllocator allocator(3 * unit);
        const std::uint64_t offsets[3] = {*allocator.allocate(unit), *allocator.allocate(unit),
                                          *allocator.allocate(unit)};
        EXPECT_EQ(allocator.allocate(unit), std::nullopt);
        for (const int which : order)
            allocator.free(offsets[which], unit);
        EXPECT_EQ(allocator.largest_gap(), 3 * unit);
    }
}

TEST(ExtentAllocator, FreeingTwiceIsADefect) {
    ExtentAllocator allocator(kMegabyte);
    const auto offset = allocator.allocate(128 * kKilobyte);
    allocator.free(*offset, 128 * kKilobyte);
    EXPECT_THROW(allocator.free(*offset, 128 * kKilobyte), InternalError);
    EXPECT_THROW(allocator.free(kMegabyte, 64 * kKilobyte), InternalError);
}

TEST(ExtentAllocator, RandomTrafficNeverOverlaps) {
    ExtentAllocator allocator(256 * kMegabyte);
    std::map<std::uint64_t, std::uint64_t> used;  // bytes by offset
    std::uint64_t used_bytes = 0;
    for (std::uint64_t i = 0; i < 20000; ++i) {
        if (!used.empty() && random_below(3, 0, i, 2) == 0) {
            auto victim = used.begin();
            std::advance(victim, random_below(3, 1, i, static_cast<std::uint32_t>(used.size())));
            allocator.free(victim->first, victim->second);
            used_bytes -= victim->second;
            used.erase(victim);
            continue;
        }
        const std::uint64_t wanted = random_below(3, 2, i, 1U << (10 + random_below(3, 3, i, 16)));
        const std::uint64_t bytes = ExtentAllocator::rounded(wanted, allocator.bytes());
        const auto offset = allocator.allocate(bytes);
        if (!offset) {
            ASSERT_LT(allocator.largest_gap(), bytes);
            continue;
        }
        const auto next = used.lower_bound(*offset);
        ASSERT_TRUE(next == used.end() || *offset + bytes <= next->first);
        ASSERT_TRUE(next == used.begin() || std::prev(next)->first + std::prev(next)->second <= *offset);
        ASSERT_LE(*offset + bytes, allocator.bytes());
        used[*offset] = bytes;
        used_bytes += bytes;
    }
    for (const auto& [offset, bytes] : used)
        allocator.free(offset, bytes);
    EXPECT_EQ(allocator.largest_gap(), allocator.bytes());
}

}  // namespace
}  // namespace tensile
