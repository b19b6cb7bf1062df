// Turns go round in arrival order, one holder at a time, and a stopped waiter leaves the line.
#include "runtime/arbiter.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "support/fake_device.h"
#include "tensor/error.h"

namespace tensile {
namespace {

using testing::FakeDevice;

TEST(Arbiter, OneHolderAtATime) {
    FakeDevice device;
    Arbiter arbiter(device);
    int holders = 0;  // guarded by the turn alone
    int turns = 0;
    bool shared = false;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int k = 0; k < 500; ++k) {
                    const Arbiter::Turn turn = arbiter.take_turn(nullptr);
                    shared |= ++holders != 1;
                    ++turns;
                    --holders;
                }
            });
    }
    EXPECT_FALSE(shared);
    EXPECT_EQ(turns, 2000);
}

TEST(Arbiter, WaitersAreServedInTheOrderOfTheirArrival) {
    FakeDevice device;
    Arbiter arbiter(device);
    std::vector<int> served;  // guarded by the turn
    std::vector<std::jthread> threads;
    {
        std::optional<Arbiter::Turn> turn(arbiter.take_turn(nullptr));
        for (int i = 0; i < 5; ++i) {
            threads.emplace_back([&, i] {
                const Arbiter::Turn mine = arbiter.take_turn(nullptr);
                served.push_back(i);
            });
            while (arbiter.waiting() != i + 1)
                std::this_thread::yield();
        }
    }
    threads.clear();
    EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3, 4}));
}

// Two jobs that always want the next turn get every second one.
TEST(Arbiter, JobsAlternate) {
    FakeDevice device;
    Arbiter arbiter(device);
    std::vector<int> order;  // guarded by the turn
    const auto work = [&](int self) {
        for (int k = 0; k < 50; ++k) {
            const Arbiter::Turn turn = arbiter.take_turn(nullptr);
            order.push_back(self);
            // Held until the other one stands in line, or has finished.
            while (k < 49 && order.size() < 99 && arbiter.waiting() == 0)
                std::this_thread::yield();
        }
    };
    {
        std::jthread one([&] { work(0); });
        std::jthread two([&] { work(1); });
    }
    ASSERT_EQ(order.size(), 100U);
    for (std::size_t i = 1; i + 1 < order.size(); ++i)
        EXPECT_NE(order[i], order[i - 1]) << i;
}

TEST(Arbiter, AStoppedWaiterLeavesTheLine) {
    FakeDevice device;
    Arbiter arbiter(device);
    for (const int stopped : {0, 1, 2}) {
        std::vector<StopFlag> stops(3);
        std::vector<int> served;
        std::atomic<int> canceled{-1};
        std::vector<std::jthread> threads;
        {
            std::optional<Arbiter::Turn> turn(arbiter.take_turn(nullptr));
            for (int i = 0; i < 3; ++i) {
                threads.emplace_back([&, i] {
                    try {
                        const Arbiter::Turn mine = arbiter.take_turn(&stops[static_cast<std::size_t>(i)]);
                        served.push_back(i);
                    } catch (const Error& error) {
                        if (error.sqlstate() == sqlstate::kQueryCanceled) canceled = i;
                    }
                });
                while (arbiter.waiting() != i + 1)
                    std::this_thread::yield();
            }
            stops[static_cast<std::size_t>(stopped)] = true;
            arbiter.wake();
            while (canceled < 0)
                std::this_thread::yield();
        }
        threads.clear();
        EXPECT_EQ(canceled, stopped);
        EXPECT_EQ(served.size(), 2U);
        EXPECT_EQ(arbiter.waiting(), 0);
    }
    EXPECT_NO_THROW(arbiter.take_turn(nullptr));
}

TEST(Arbiter, AStopFlagThatIsSetTakesNoTurn) {
    FakeDevice device;
    Arbiter arbiter(device);
    const StopFlag stop{true};
    EXPECT_THROW(arbiter.take_turn(&stop), Error);
    EXPECT_NO_THROW(arbiter.take_turn(nullptr));
}

}  // namespace
}  // namespace tensile
