// Philox 4x32-10 against the known answers that its authors publish (Random123, kat_vectors), and the streams on top.
#include "tensor/random.h"

#include <gtest/gtest.h>

#include <set>

namespace tensile {
namespace {

std::uint64_t key(std::uint32_t low, std::uint32_t high) {
    return (std::uint64_t{high} << 32) | low;
}

TEST(Philox, GivesTheKnownAnswers) {
    EXPECT_EQ(philox(key(0, 0), {0, 0, 0, 0}), (RandomBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    constexpr std::uint32_t kOnes = 0xffffffff;
    EXPECT_EQ(philox(key(kOnes, kOnes), {kOnes, kOnes, kOnes, kOnes}),
              (RandomBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox(key(0xa4093822, 0x299f31d0), {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
              (RandomBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, FourIndicesShareABlock) {
    const std::uint64_t seed = 0x0123456789abcdef;
    const std::uint64_t stream = 0xfedcba9876543210;
    const RandomBlock block = philox(seed, {3, 1, 0x76543210, 0xfedcba98});
    for (std::uint64_t i = 0; i < 4; ++i)
        EXPECT_EQ(random_u32(seed, stream, (std::uint64_t{1} << 34) + 12 + i), block[i]);
}

TEST(RandomStream, DiffersBySeedStreamAndIndex) {
    std::set<std::uint32_t> seen;
    for (std::uint64_t seed : {1, 2})
        for (std::uint64_t stream : {1, 2})
            for (std::uint64_t index : {0, 1, 4})
                seen.insert(random_u32(seed, stream, index));
    EXPECT_EQ(seen.size(), 12U);
}

TEST(RandomStream, UniformHas24BitsBelowOne) {
    EXPECT_EQ(uniform_from_bits(0), 0.0);
    EXPECT_EQ(uniform_from_bits(0xff), 0.0);
    EXPECT_EQ(uniform_from_bits(0x80000000), 0.5);
    EXPECT_EQ(uniform_from_bits(0xffffffff), 1 - std::ldexp(1, -24));
    EXPECT_EQ(static_cast<float>(uniform_from_bits(0xffffffff)), uniform_from_bits(0xffffffff));
}

TEST(RandomStream, MomentsAreThoseOfTheDistributions) {
    constexpr int kCount = 20000;
    double uniform = 0;
    double normal = 0;
    double squares = 0;
    for (std::uint64_t i = 0; i < kCount; ++i) {
        uniform += random_uniform(7, 1, i);
        const double x = random_normal(7, 2, i);
        normal += x;
        squares += x * x;
    }
    EXPECT_NEAR(uniform / kCount, 0.5, 0.01);
    EXPECT_NEAR(normal / kCount, 0, 0.03);
    EXPECT_NEAR(squares / kCount, 1, 0.05);
}

TEST(RandomStream, BoundedIntegersStayBelowTheBoundAndReachIt) {
    std::set<std::uint32_t> seen;
    for (std::uint64_t i = 0; i < 200; ++i)
        seen.insert(random_below(5, 0, i, 6));
    EXPECT_EQ(seen, (std::set<std::uint32_t>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(random_below(5, 0, 0, 1), 0U);
}

}  // namespace
}  // namespace tensile
