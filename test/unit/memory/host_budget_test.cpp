// The host budget never gives out more than its limit and loses nothing.
#include "memory/host_budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile {
namespace {

TEST(HostBudget, ChargesAndGivesBack) {
    HostBudget budget(1000);
    {
        const HostCharge charge = budget.charge(600);
        EXPECT_EQ(budget.used(), 600U);
        EXPECT_EQ(charge.bytes(), 600U);
    }
    EXPECT_EQ(budget.used(), 0U);
}

TEST(HostBudget, RefusesWhatDoesNotFit) {
    HostBudget budget(4 << 20);
    const HostCharge charge = budget.charge(3 << 20);
    try {
        budget.charge(2 << 20);
        FAIL() << "the charge fits";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kOutOfMemory);
        EXPECT_NE(error.detail().find("2 MB"), std::string::npos) << error.detail();
        EXPECT_NE(error.detail().find("3 MB of 4 MB"), std::string::npos) << error.detail();
        EXPECT_NE(error.hint().find("\"tensile.host_memory\" to at least \"5MB\""), std::string::npos) << error.hint();
    }
    EXPECT_THROW(budget.charge(~std::uint64_t{0}), Error) << "no overflow";
    EXPECT_EQ(budget.used(), std::uint64_t{3} << 20);
}

TEST(HostBudget, ResizeKeepsTheOldChargeWhenItFails) {
    HostBudget budget(1000);
    HostCharge charge = budget.charge(100);
    charge.resize(900);
    EXPECT_EQ(budget.used(), 900U);
    EXPECT_THROW(charge.resize(1001), Error);
    EXPECT_EQ(charge.bytes(), 900U);
    charge.resize(10);
    EXPECT_EQ(budget.used(), 10U);
    HostCharge nothing;
    EXPECT_THROW(nothing.resize(1), InternalError);
}

TEST(HostBudget, MovesCarryTheBytes) {
    HostBudget budget(1000);
    HostCharge first = budget.charge(100);
    HostCharge second = budget.charge(200);
    second = std::move(first);
    first = HostCharge();
    EXPECT_EQ(budget.used(), 100U);
    EXPECT_EQ(second.bytes(), 100U);
}

TEST(HostBudget, ALoweredLimitRefusesUntilBytesComeBack) {
    HostBudget budget(1000);
    {
        const HostCharge charge = budget.charge(800);
        budget.set_limit(500);
        EXPECT_THROW(budget.charge(1), Error);
    }
    EXPECT_NO_THROW(budget.charge(500));
}

TEST(HostBudget, ManyThreadsNeverExceedTheLimit) {
    HostBudget budget(10000);
    std::atomic<bool> exceeded{false};
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t seed = 0; seed < 4; ++seed)
            threads.emplace_back([&, seed] {
                for (std::uint64_t i = 0; i < 3000; ++i) {
                    try {
                        HostCharge charge = budget.charge(random_below(seed, 0, i, 5000));
                        if (budget.used() > budget.limit()) exceeded = true;
                        charge.resize(random_below(seed, 1, i, 5000));
                    } catch (const Error&) {
                    }
                }
            });
    }
    EXPECT_FALSE(exceeded);
    EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace tensile
