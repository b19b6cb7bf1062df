// Extents that grow where they lie take exactly what is free behind them.
#include <gtest/gtest.h>

#include "memory/extent_allocator.h"

namespace tensile {
namespace {

constexpr std::uint64_t kUnit = ExtentAllocator::kSmallGranule;

TEST(ExtentGrowth, TakesWhatIsWantedOfTheGapBehind) {
    ExtentAllocator allocator(16 * kUnit);
    // Small extents lie at the high end.
    const auto offset = allocator.allocate(2 * kUnit);
    ASSERT_EQ(offset, 14 * kUnit);
    const auto lower = allocator.allocate(4 * kUnit);
    ASSERT_EQ(lower, 10 * kUnit);
    allocator.free(14 * kUnit, 2 * kUnit);
    EXPECT_EQ(allocator.extend(14 * kUnit, kUnit), kUnit);
    EXPECT_EQ(allocator.extend(15 * kUnit, 8 * kUnit), kUnit) << "the slab ends there";
    EXPECT_EQ(allocator.extend(16 * kUnit, kUnit), 0U);
    EXPECT_EQ(allocator.largest_gap(), 10 * kUnit);
    allocator.free(10 * kUnit, 6 * kUnit);
    EXPECT_EQ(allocator.largest_gap(), 16 * kUnit) << "grown extents merge like others";
}

TEST(ExtentGrowth, StopsAtTheNextExtent) {
    ExtentAllocator allocator(8 * kUnit);
    ASSERT_EQ(allocator.allocate(kUnit), 7 * kUnit);
    ASSERT_EQ(allocator.allocate(2 * kUnit), 5 * kUnit);
    ASSERT_EQ(allocator.allocate(kUnit), 4 * kUnit);
    EXPECT_EQ(allocator.extend(5 * kUnit, kUnit), 0U) << "the next extent begins there";
    allocator.free(5 * kUnit, 2 * kUnit);
    EXPECT_EQ(allocator.extend(5 * kUnit, 100 * kUnit), 2 * kUnit);
    EXPECT_EQ(allocator.extend(7 * kUnit, kUnit), 0U);
}

TEST(ExtentGrowth, CountsWholeGranules) {
    ExtentAllocator allocator(8 * kUnit);
    ASSERT_EQ(allocator.allocate(8 * kUnit), 0U);
    allocator.free(4 * kUnit, 4 * kUnit);
    EXPECT_EQ(allocator.extend(4 * kUnit, kUnit - 1), 0U);
    EXPECT_EQ(allocator.extend(4 * kUnit, 2 * kUnit + 1), 2 * kUnit);
    EXPECT_EQ(allocator.largest_gap(), 2 * kUnit);
}

}  // namespace
}  // namespace tensile
