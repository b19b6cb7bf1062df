// The arena's ranges, its limit, and what happens when it is full; copies across the bridge.
#include "memory/pinned_arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <vector>

#include "device/cuda/cuda_device.h"
#include "memory/device_bridge.h"
#include "memory/pinned_store.h"
#include "support/fake_plugin.h"
#include "tensor/error.h"

namespace tensile {
namespace {

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;

class PinnedArenaTest : public ::testing::Test {
  protected:
    void start(std::uint64_t pinned, testing::FakePluginOptions options = {}) {
        plugin_.emplace(options);
        device_.emplace(plugin_->as_library(), CudaDeviceOptions{0, 1, {}});
        pool_.emplace(*device_, 16 * kMegabyte);
        bridge_.emplace(*device_, host_, pinned);
    }
    void TearDown() override {
        bridge_.reset();
        pool_.reset();
        device_.reset();
        if (plugin_) {
            EXPECT_THAT(plugin_->complaints(), ::testing::IsEmpty());
        }
        EXPECT_EQ(host_.used(), 0U);
    }
    PinnedArena& arena() { return bridge_->arena(); }

    HostBudget host_{32 * kMegabyte};
    std::optional<testing::FakePlugin> plugin_;
    std::optional<CudaDevice> device_;
    std::optional<TensorPool> pool_;
    std::optional<DeviceBridge> bridge_;
};

TEST_F(PinnedArenaTest, GivesOutRangesUpToItsLimitAndShowsWhoHoldsThem) {
    start(4 * kMegabyte);
    EXPECT_EQ(arena().limit(), 4 * kMegabyte);
    EXPECT_EQ(host_.used(), 4 * kMegabyte);
    {
        const HostBuffer one = arena().try_take(kMegabyte, "one");
        const HostBuffer two = arena().try_take(100, "two");
        ASSERT_TRUE(one && two);
        EXPECT_TRUE(one.is_pinned());
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(two.data()) % kCopyAlignment, 0U);
        std::memset(one.data(), 1, one.bytes());
        std::memset(two.data(), 2, two.bytes());
        EXPECT_EQ(one.data()[kMegabyte - 1], std::byte{1});
        EXPECT_EQ(arena().used(), one.bytes() + two.bytes());
        EXPECT_FALSE(arena().try_take(3 * kMegabyte, "three"));
        EXPECT_EQ(arena().rows().size(), 2U);
        EXPECT_EQ(arena().largest_free(), 4 * kMegabyte - arena().used());
    }
    EXPECT_EQ(arena().used(), 0U);
    EXPECT_EQ(arena().largest_free(), 4 * kMegabyte);
}

TEST_F(PinnedArenaTest, PlainMemoryStandsInAndIsCharged) {
    start(kMegabyte);
    const HostBuffer all = arena().take(kMegabyte, "all");
    EXPECT_TRUE(all.is_pinned());
    HostBuffer plain = arena().take(2 * kMegabyte, "more");
    EXPECT_FALSE(plain.is_pinned());
    EXPECT_EQ(host_.used(), 3 * kMegabyte);
    std::memset(plain.data(), 3, plain.bytes());
    EXPECT_THROW(arena().take(64 * kMegabyte, "too much"), Error);
    plain = HostBuffer();
    EXPECT_EQ(host_.used(), kMegabyte);
}

TEST_F(PinnedArenaTest, TakesLessWhereTheSystemPageLocksLess) {
    start(16 * kMegabyte, {.pinned_bytes = 5 * kMegabyte});
    EXPECT_EQ(arena().limit(), 4 * kMegabyte);
    EXPECT_TRUE(arena().try_take(4 * kMegabyte, "all"));
}

TEST_F(PinnedArenaTest, TakesLessWhereTheBudgetIsLess) {
    start(64 * kMegabyte);
    EXPECT_EQ(arena().limit(), 32 * kMegabyte);
}

TEST_F(PinnedArenaTest, NothingAtAllIsAnArenaToo) {
    start(16 * kMegabyte, {.pinned_bytes = 0});
    EXPECT_EQ(arena().limit(), 0U);
    EXPECT_FALSE(arena().try_take(1, "one"));
    EXPECT_EQ(arena().largest_free(), 0U);
    EXPECT_TRUE(arena().take(1, "one"));
}

TEST_F(PinnedArenaTest, TheBridgeCopiesAndMeasures) {
    start(16 * kMegabyte);
    EXPECT_FALSE(bridge_->link().is_measured());
    bridge_->measure_link(*pool_);
    EXPECT_TRUE(bridge_->link().is_measured());
    const LinkModel model = bridge_->link().model();
    EXPECT_GT(model.in_bytes_per_second, 0);
    EXPECT_GE(model.total_bytes_per_second, model.out_bytes_per_second);
    EXPECT_EQ(arena().used(), 0U);
    EXPECT_EQ(pool_->summary().used, 0U);

    const Extent extent = pool_->acquire(kMegabyte, {}, std::nullopt, nullptr);
    std::vector<std::byte> content(1000);
    for (std::size_t i = 0; i < content.size(); ++i)
        content[i] = static_cast<std::byte>(i);
    bridge_->write(extent.data(), content);
    bridge_->move(extent.data() + 4096, extent.data(), content.size());
    std::vector<std::byte> back(content.size());
    bridge_->read(back, extent.data() + 4096);
    EXPECT_EQ(back, content);
}

TEST_F(PinnedArenaTest, WithoutAnArenaTheLinkIsNotMeasured) {
    start(0);
    bridge_->measure_link(*pool_);
    EXPECT_FALSE(bridge_->link().is_measured());
}

TEST_F(PinnedArenaTest, AStoreKeepsToItsRange) {
    start(kMegabyte);
    PinnedStore store(arena().try_take(kMegabyte / 2, "store"));
    std::vector<std::byte> page(kCopyAlignment, std::byte{5});
    store.write(kCopyAlignment, page);
    EXPECT_EQ(store.memory()[kCopyAlignment], std::byte{5});
    std::vector<std::byte> back(kCopyAlignment);
    store.read(kCopyAlignment, back);
    EXPECT_EQ(back, page);
    EXPECT_THROW(store.write(store.bytes(), page), InternalError);
}

}  // namespace
}  // namespace tensile
