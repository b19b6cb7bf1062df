// Shares of the pool: the limit, and the error that names what is needed.
#include "memory/pool_share.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/error.h"

namespace tensile {
namespace {

constexpr std::uint64_t kPool = std::uint64_t{100} << 20;

TEST(PoolShare, LimitsWhatIsGranted) {
    EXPECT_EQ(PoolShare(1).limit(kPool), kPool);
    EXPECT_EQ(PoolShare(0.25).limit(kPool), kPool / 4);
    EXPECT_EQ(PoolShare(0.01).limit(99), 0U);
}

TEST(PoolShare, TooMuchIsRefusedWithFigures) {
    const PoolShare share(0.1F);
    EXPECT_NO_THROW(share.require(std::uint64_t{9} << 20, kPool, "m"));
    try {
        share.require(std::uint64_t{20} << 20, kPool, "churn");
        FAIL() << "was allowed";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kConfigurationLimitExceeded);
        EXPECT_NE(error.message().find("\"churn\""), std::string::npos);
        EXPECT_EQ(error.detail(), "It needs at least 20 MB; \"tensile.max_pool_share\" = 0.1 allows 10 MB of 100 MB.");
        EXPECT_NE(error.hint().find("administrator"), std::string::npos);
    }
}

TEST(PoolShare, WhatExceedsThePoolIsThePoolsMatter) {
    EXPECT_NO_THROW(PoolShare(0.1).require(kPool + 1, kPool, "m"));
}

TEST(PoolShare, NoShareIsRefused) {
    for (const double share : {0.0, -1.0, 1.5, std::nan("")})
        EXPECT_THROW(PoolShare{share}, Error);
}

}  // namespace
}  // namespace tensile
