// Offsets: no two blocks that are needed at one time overlap, and the extent is close to the lower bound.
#include "planner/offsets.h"

#include <gtest/gtest.h>

#include "tensor/random.h"

namespace tensile {
namespace {

void expect_disjoint(const std::vector<TimedBlock>& requests, const OffsetAssignment& placement) {
    for (std::size_t a = 0; a < requests.size(); ++a)
        for (std::size_t b = a + 1; b < requests.size(); ++b) {
            if (requests[a].last < requests[b].first || requests[b].last < requests[a].first) continue;
            const bool apart = placement.offsets[a] + requests[a].bytes <= placement.offsets[b] ||
                               placement.offsets[b] + requests[b].bytes <= placement.offsets[a];
            ASSERT_TRUE(apart) << "blocks " << a << " and " << b;
        }
}

TEST(Offsets, NothingNeedsNothing) {
    const OffsetAssignment placement = assign_offsets({}, {64});
    EXPECT_EQ(placement.extent_bytes, 0U);
    EXPECT_EQ(placement.peak_bytes, 0U);
}

TEST(Offsets, SizesAreRoundedToTheAlignment) {
    const std::vector<TimedBlock> requests = {{0, 1, 1}, {1, 2, 65}};
    const OffsetAssignment placement = assign_offsets(requests, {64});
    EXPECT_EQ(placement.peak_bytes, 64U + 128U);
    EXPECT_EQ(placement.extent_bytes, 64U + 128U);
    EXPECT_EQ(placement.offsets[0] % 64, 0U);
    EXPECT_EQ(placement.offsets[1] % 64, 0U);
    expect_disjoint(requests, placement);
}

TEST(Offsets, BytesAreUsedAgain) {
    const std::vector<TimedBlock> requests = {{0, 1, 640}, {1, 2, 640}, {2, 3, 640}, {3, 4, 640}};
    const OffsetAssignment placement = assign_offsets(requests, {64});
    EXPECT_EQ(placement.extent_bytes, 1280U);
    expect_disjoint(requests, placement);
}

TEST(Offsets, BytesFromBeforeTheFirstTimeAreUsedAgain) {
    const std::vector<TimedBlock> requests = {{-1, 0, 64}, {0, 3, 128}, {3, 3, 64}};
    const OffsetAssignment placement = assign_offsets(requests, {64});
    EXPECT_EQ(placement.extent_bytes, 192U);
    expect_disjoint(requests, placement);
}

TEST(Offsets, RandomBlocksStayNearTheLowerBound) {
    double worst = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        std::vector<TimedBlock> requests;
        const std::uint32_t count = 20 + random_below(seed, 0, 0, 200);
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto first = static_cast<std::int32_t>(random_below(seed, 1, i, 200));
            const auto length = static_cast<std::int32_t>(random_below(seed, 2, i, 1U << random_below(seed, 3, i, 6)));
            requests.push_back({first, first + length, 1 + random_below(seed, 4, i, 1U << 20)});
        }
        const OffsetAssignment placement = assign_offsets(requests, {64});
        expect_disjoint(requests, placement);
        for (std::size_t i = 0; i < requests.size(); ++i)
            ASSERT_LE(placement.offsets[i] + requests[i].bytes, placement.extent_bytes);
        ASSERT_GE(placement.extent_bytes, placement.peak_bytes);
        worst =
            std::max(worst, static_cast<double>(placement.extent_bytes) / static_cast<double>(placement.peak_bytes));
        EXPECT_EQ(assign_offsets(requests, {64}).offsets, placement.offsets);
    }
    EXPECT_LE(worst, 1.25);
}

}  // namespace
}  // namespace tensile
