// One region for all: it is as large as the greatest need, moves only between the steps of others, and nobody leaves or
// enters while copies may touch it.
#include "memory/step_region.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

#include "unit/memory/slab_device.h"

namespace tensile {
namespace {

constexpr std::uint64_t kUnit = 64 * 1024;
const PoolOwner kOwner{1, 100, "train", "job"};

class CountingUser final : public StepRegion::User {
  public:
    LaunchStatus finish_copies(const StopFlag* stop) noexcept override {
        ++finished;
        while (is_blocked && (stop == nullptr || !*stop))
            std::this_thread::yield();
        return is_blocked ? LaunchStatus::kStopped : LaunchStatus::kCompleted;
    }
    std::atomic<int> finished{0};
    std::atomic<bool> is_blocked{false};
};

class StepRegionTest : public ::testing::Test {
  protected:
    Extent take(std::uint64_t units) { return pool.acquire(units * kUnit, StepRegion::owner(), std::nullopt, nullptr); }
    StepRegion::Membership join(CountingUser& user, std::uint64_t units) {
        return region.join(user, units * kUnit, take(units), nullptr);
    }

    SlabDevice device;
    TensorPool pool{device, 32 * kUnit};
    StepRegion region;
    CountingUser one;
    CountingUser two;
};

TEST_F(StepRegionTest, FollowsTheGreatestNeed) {
    EXPECT_FALSE(region.try_join(one, 1));
    auto first = join(one, 2);
    EXPECT_EQ(region.bytes(), 2 * kUnit);
    EXPECT_FALSE(region.try_join(two, 3 * kUnit));
    {
        const auto second = join(two, 5);
        EXPECT_EQ(region.bytes(), 5 * kUnit);
        EXPECT_EQ(pool.summary().used, 5 * kUnit) << "the smaller extent has gone back";
    }
    EXPECT_EQ(region.bytes(), 2 * kUnit);
    EXPECT_EQ(pool.summary().used, 2 * kUnit);
    first = {};
    EXPECT_EQ(region.bytes(), 0U);
    EXPECT_EQ(pool.summary().used, 0U);
}

TEST_F(StepRegionTest, WhoEntersWaitsForTheCopiesOfTheLastUserOnly) {
    const auto first = join(one, 2);
    const auto second = region.try_join(two, kUnit);
    ASSERT_TRUE(second);
    std::byte* const address = region.enter(one, nullptr);
    EXPECT_NE(address, nullptr);
    EXPECT_EQ(region.enter(one, nullptr), address);
    EXPECT_EQ(one.finished, 0) << "its own plan knows what to wait for";
    EXPECT_EQ(region.enter(two, nullptr), address);
    EXPECT_EQ(one.finished, 1);
    EXPECT_EQ(region.enter(one, nullptr), address);
    EXPECT_EQ(two.finished, 1);
    EXPECT_EQ(one.finished, 1);
}

TEST_F(StepRegionTest, AStopEndsTheWait) {
    const auto first = join(one, 2);
    const auto second = region.try_join(two, kUnit);
    region.enter(one, nullptr);
    one.is_blocked = true;
    const StopFlag stop{true};
    EXPECT_EQ(region.enter(two, &stop), nullptr);
    EXPECT_FALSE(region.make_room(two, kUnit, kUnit, kOwner, &stop));
    one.is_blocked = false;
    EXPECT_NE(region.enter(two, nullptr), nullptr);
    EXPECT_EQ(one.finished, 3) << "its copies were still under way";
}

// While copies drain others may join and leave; the user whose copies they are may not.
TEST_F(StepRegionTest, OthersComeAndGoWhileCopiesDrain) {
    auto first = std::make_optional(join(one, 2));
    const auto second = region.try_join(two, kUnit);
    region.enter(one, nullptr);
    one.is_blocked = true;
    std::jthread turn([&] { EXPECT_NE(region.enter(two, nullptr), nullptr); });
    while (one.finished == 0)
        std::this_thread::yield();
    CountingUser third;
    EXPECT_TRUE(region.try_join(third, kUnit));
    std::atomic<bool> has_left{false};
    std::jthread leaver([&] {
        first.reset();
        has_left = true;
    });
    EXPECT_TRUE(region.try_join(third, kUnit));
    EXPECT_FALSE(has_left);
    one.is_blocked = false;
    turn.join();
    leaver.join();
    EXPECT_EQ(region.bytes(), kUnit);
}

TEST_F(StepRegionTest, MakesRoomForWhatIsFreeAroundIt) {
    Extent above = take(8);
    const auto member = join(one, 4);
    Extent below = take(8);
    std::byte* const before = region.enter(one, nullptr);
    EXPECT_EQ(region.room(), 12 * kUnit) << "the gap elsewhere";
    above = {};
    EXPECT_EQ(region.room(), 12 * kUnit) << "eight units beside its own four";
    below = {};
    EXPECT_EQ(region.room(), 32 * kUnit);

    std::optional<Extent> given = region.make_room(one, 10 * kUnit, 6 * kUnit, kOwner, nullptr);
    ASSERT_TRUE(given);
    EXPECT_EQ(given->bytes(), 6 * kUnit);
    EXPECT_EQ(region.bytes(), 10 * kUnit);
    std::byte* const now = region.enter(one, nullptr);
    EXPECT_EQ(given->data(), now + 10 * kUnit);
    EXPECT_NE(now, before);
    EXPECT_EQ(pool.summary().used, 16 * kUnit);

    EXPECT_FALSE(region.make_room(one, 27 * kUnit, 0, kOwner, nullptr)) << "six units are given out";
    EXPECT_EQ(region.bytes(), 10 * kUnit);
    given = region.make_room(one, 3 * kUnit, 0, kOwner, nullptr);
    ASSERT_TRUE(given);
    EXPECT_FALSE(*given) << "there was room already";
}

TEST_F(StepRegionTest, MakesNoRoomWhileRequestsAreQueued) {
    const auto member = join(one, 4);
    StopFlag stop{false};
    std::jthread waiter([&] {
        try {
            pool.acquire(30 * kUnit, kOwner, std::nullopt, &stop);
        } catch (const Error& error) {
            EXPECT_EQ(error.sqlstate(), sqlstate::kQueryCanceled);
        }
    });
    while (!pool.has_waiters())
        std::this_thread::yield();
    EXPECT_EQ(region.room(), 0U);
    EXPECT_FALSE(region.make_room(one, 8 * kUnit, 0, kOwner, nullptr));
    EXPECT_EQ(region.bytes(), 4 * kUnit);
    stop = true;
    pool.wake();
}

TEST_F(StepRegionTest, OthersKeepWhatTheyNeedWhenItMoves) {
    const auto first = join(one, 6);
    const auto second = region.try_join(two, 5 * kUnit);
    const std::optional<Extent> given = region.make_room(one, kUnit, 2 * kUnit, kOwner, nullptr);
    ASSERT_TRUE(given);
    EXPECT_EQ(region.bytes(), 5 * kUnit);
    EXPECT_EQ(pool.summary().used, 7 * kUnit);
}

}  // namespace
}  // namespace tensile
