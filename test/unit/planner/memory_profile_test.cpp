// The segment tree against a plain list.
#include "planner/memory_profile.h"

#include <gtest/gtest.h>

#include "tensor/random.h"

namespace tensile {
namespace {

TEST(MemoryProfile, AgreesWithAPlainList) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto size = static_cast<std::int32_t>(1 + random_below(seed, 0, 0, 70));
        std::vector<std::int64_t> plain;
        for (std::int32_t i = 0; i < size; ++i)
            plain.push_back(random_below(seed, 1, static_cast<std::uint64_t>(i), 100));
        MemoryProfile profile(plain);
        for (std::uint64_t step = 0; step < 300; ++step) {
            const auto bound = static_cast<std::uint32_t>(size);
            auto first = static_cast<std::int32_t>(random_below(seed, 2, step, bound));
            auto last = static_cast<std::int32_t>(random_below(seed, 3, step, bound));
            if (first > last) std::swap(first, last);
            const std::int64_t bytes = static_cast<std::int64_t>(random_below(seed, 4, step, 100)) - 50;
            profile.add(first, last, bytes);
            for (std::int32_t i = first; i <= last; ++i)
                plain[static_cast<std::size_t>(i)] += bytes;
            const std::int64_t threshold = random_below(seed, 5, step, 150);
            std::int32_t expected = last;
            while (expected >= first && plain[static_cast<std::size_t>(expected)] <= threshold)
                --expected;
            EXPECT_EQ(profile.last_above(first, last, threshold), expected);
        }
    }
}

TEST(MemoryProfile, AnEmptyRangeHasNothing) {
    MemoryProfile profile(std::vector<std::int64_t>{5, 6});
    EXPECT_EQ(profile.last_above(1, 0, 0), 0);
    profile.add(1, 0, 100);
    EXPECT_EQ(profile.last_above(0, 1, 6), -1);
}

}  // namespace
}  // namespace tensile
