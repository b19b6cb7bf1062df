// The pool never gives out more than it has, serves requests in order, wakes who may go, and says why it refuses.
#include "memory/tensor_pool.h"

#include <gtest/gtest.h>

#include <thread>

#include "tensor/error.h"
#include "tensor/random.h"
#include "unit/memory/slab_device.h"

namespace tensile {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMegabyte = 1 << 20;

PoolOwner owner(const std::string& label) {
    return {7, 4711, "train", label};
}

// Waits until the pool shows that many queued requests; a thread's way into acquire() has no other sign.
void wait_for_queue(const TensorPool& pool, int queued) {
    while (pool.summary().queued != queued)
        std::this_thread::yield();
}

Error error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error;
    }
    return Error("00000", "no error");
}

TEST(TensorPool, ExtentsAreCutAndGrow) {
    SlabDevice device;
    TensorPool pool(device, 8 * kMegabyte);
    Extent whole = pool.acquire(4 * kMegabyte, owner("a"), 0ms, nullptr);
    Extent rest = whole.split(kMegabyte + 1, owner("b"));
    EXPECT_EQ(whole.bytes(), kMegabyte + 64 * 1024);
    EXPECT_EQ(whole.bytes() + rest.bytes(), 4 * kMegabyte);
    EXPECT_EQ(rest.data(), whole.data() + whole.bytes());
    EXPECT_EQ(pool.summary().used, 4 * kMegabyte);
    EXPECT_EQ(pool.rows().size(), 2U);
    EXPECT_FALSE(rest.split(rest.bytes(), owner("c"))) << "nothing is behind";
    whole.extend(2 * kMegabyte);
    EXPECT_EQ(whole.bytes(), kMegabyte + 64 * 1024) << "what follows is taken";
    rest = Extent();
    EXPECT_EQ(pool.summary().used, whole.bytes());
    whole.extend(2 * kMegabyte);
    EXPECT_EQ(whole.bytes(), 2 * kMegabyte);
    whole.extend(64 * kMegabyte);
    EXPECT_LE(whole.bytes(), 8 * kMegabyte);
    EXPECT_EQ(pool.summary().used, whole.bytes());
    whole.split(64 * 1024, owner("d"));
    EXPECT_EQ(pool.summary().used, 64U * 1024) << "dropping the rest shrinks";
    whole = Extent();
    EXPECT_EQ(pool.summary().used, 0U);
    EXPECT_TRUE(pool.try_acquire(8 * kMegabyte, owner("e"))) << "all pieces have come together again";
}

TEST(TensorPool, GivesAndTakesBack) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    EXPECT_EQ(device.reserved_bytes(), 16 * kMegabyte);
    {
        const Extent extent = pool.acquire(kMegabyte, owner("a"), 0ms, nullptr);
        ASSERT_TRUE(extent);
        EXPECT_GE(extent.bytes(), kMegabyte);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(extent.data()) % 64, 0U);
        EXPECT_GE(extent.data(), device.slab());
        EXPECT_EQ(pool.summary().used, kMegabyte);
        EXPECT_EQ(pool.summary().granted, 1);
    }
    const PoolSummary summary = pool.summary();
    EXPECT_EQ(summary.used, 0U);
    EXPECT_EQ(summary.high_water, kMegabyte);
    EXPECT_EQ(summary.largest_free, 16 * kMegabyte);
    EXPECT_EQ(summary.granted, 0);
    EXPECT_EQ(device.discarded_bytes(), kMegabyte) << "pages go back";
}

TEST(TensorPool, MovedExtentsAreReturnedOnce) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    Extent first = pool.acquire(kMegabyte, owner("a"), 0ms, nullptr);
    Extent second = std::move(first);
    EXPECT_FALSE(first);
    first = std::move(second);
    EXPECT_TRUE(first);
    EXPECT_EQ(pool.summary().used, kMegabyte);
    first = Extent();
    EXPECT_EQ(pool.summary().used, 0U);
}

TEST(TensorPool, MoreThanThePoolIsRefusedAtOnce) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    const Error error = error_of([&] { pool.acquire(100 * kMegabyte + 1, owner("churn"), std::nullopt, nullptr); });
    EXPECT_EQ(error.sqlstate(), sqlstate::kConfigurationLimitExceeded);
    EXPECT_EQ(error.message(), "tensor pool is too small for train \"churn\" (process 4711)");
    EXPECT_EQ(error.detail(), "It needs 100 MB, but the pool has 16 MB.");
    EXPECT_EQ(error.hint(), "Set \"tensile.pool_size\" to at least \"101MB\".");
    EXPECT_FALSE(pool.try_acquire(100 * kMegabyte, owner("churn")));
    EXPECT_EQ(pool.summary().queued, 0);
}

TEST(TensorPool, TheWholePoolCanBeHad) {
    SlabDevice device;
    TensorPool pool(device, 17 * kMegabyte + 5);
    EXPECT_EQ(pool.summary().size, 17 * kMegabyte);
    EXPECT_EQ(pool.acquire(17 * kMegabyte, owner("a"), 0ms, nullptr).bytes(), 17 * kMegabyte);
}

TEST(TensorPool, ATimeoutSaysWhoHoldsTheBytes) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    const Extent big = pool.acquire(12 * kMegabyte, owner("big"), 0ms, nullptr);
    const Extent small = pool.acquire(kMegabyte, {0, 0, "model", "small"}, 0ms, nullptr);
    for (const auto timeout : {0ms, 1ms}) {
        const Error error = error_of([&] { pool.acquire(4 * kMegabyte, owner("late"), timeout, nullptr); });
        EXPECT_EQ(error.sqlstate(), sqlstate::kInsufficientResources);
        EXPECT_EQ(error.detail(),
                  "4 MB are needed for train \"late\" (process 4711); 3 MB of 16 MB are free. In use: train \"big\" "
                  "(process 4711) 12 MB, model \"small\" 1 MB.");
    }
    EXPECT_EQ(pool.summary().queued, 0);
    EXPECT_FALSE(pool.has_waiters());
}

TEST(TensorPool, AStopFlagEndsTheWait) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    const Extent all = pool.acquire(16 * kMegabyte, owner("all"), 0ms, nullptr);
    StopFlag stop{false};
    std::string state;
    std::jthread waiter(
        [&] { state = error_of([&] { pool.acquire(kMegabyte, owner("late"), std::nullopt, &stop); }).sqlstate(); });
    wait_for_queue(pool, 1);
    stop = true;
    pool.wake();
    waiter.join();
    EXPECT_EQ(state, sqlstate::kQueryCanceled);
    EXPECT_EQ(pool.summary().queued, 0);
}

TEST(TensorPool, RowsNameEveryByte) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    Extent first = pool.acquire(3 * kMegabyte, owner("first"), 0ms, nullptr);
    Extent second = pool.acquire(100, {0, 0, "model", "second"}, 0ms, nullptr);
    StopFlag stop{false};
    std::jthread waiter([&] { error_of([&] { pool.acquire(15 * kMegabyte, owner("third"), std::nullopt, &stop); }); });
    wait_for_queue(pool, 1);
    const std::vector<PoolRow> rows = pool.rows();
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[0].owner.label, "first");
    EXPECT_EQ(rows[0].owner.backend_pid, 4711);
    EXPECT_EQ(rows[1].owner.purpose, "model");
    EXPECT_EQ(rows[0].bytes + rows[1].bytes, pool.summary().used);
    EXPECT_EQ(rows[2].state, "queued");
    EXPECT_EQ(rows[2].bytes, 15 * kMegabyte);
    EXPECT_GE(rows[2].seconds, 0);
    stop = true;
    pool.wake();
}

// Several requests that each need most of the pool, queued in a known order, are served in that order.
TEST(TensorPool, RequestsAreServedInTheOrderOfTheirArrival) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    Extent all = pool.acquire(16 * kMegabyte, owner("all"), 0ms, nullptr);
    std::mutex mutex;
    std::vector<int> served;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&, i] {
            // No two fit together, so whoever notes itself while it holds its extent is the only one to do so.
            const Extent extent = pool.acquire((i % 2 == 0 ? 12 : 9) * kMegabyte, owner("x"), std::nullopt, nullptr);
            const std::scoped_lock lock(mutex);
            served.push_back(i);
        });
        wait_for_queue(pool, i + 1);
    }
    all = Extent();
    threads.clear();
    EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(TensorPool, AYoungerRequestDoesNotOvertakeEvenIfItFits) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    Extent most = pool.acquire(12 * kMegabyte, owner("most"), 0ms, nullptr);
    std::jthread waiter([&] { pool.acquire(8 * kMegabyte, owner("eight"), std::nullopt, nullptr); });
    wait_for_queue(pool, 1);
    EXPECT_FALSE(pool.try_acquire(3 * kMegabyte, owner("three"))) << "4 MB are free, but they are waited for";
    most = Extent();
    waiter.join();
    EXPECT_TRUE(pool.try_acquire(3 * kMegabyte, owner("three")));
}

TEST(TensorPool, SmallRequestsPassUpToAQuarterOfThePool) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    Extent most = pool.acquire(8 * kMegabyte, owner("most"), 0ms, nullptr);
    std::jthread waiter([&] { pool.acquire(12 * kMegabyte, owner("twelve"), std::nullopt, nullptr); });
    wait_for_queue(pool, 1);
    EXPECT_FALSE(pool.try_acquire(kMegabyte + 1, owner("not small")));
    // Given back at once, so that bytes never run out: what ends the passing is the promise to the oldest request.
    int passed = 0;
    while (passed < 100 && pool.try_acquire(kMegabyte, owner("small")))
        ++passed;
    EXPECT_EQ(passed, 4);
    most = Extent();
    waiter.join();
    EXPECT_TRUE(pool.try_acquire(kMegabyte, owner("small")));
}

TEST(TensorPool, TheReclaimerIsAskedForWhatIsMissing) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    std::vector<Extent> cached;
    std::vector<std::uint64_t> asked;
    pool.set_reclaimer([&](std::uint64_t wanted) {
        asked.push_back(wanted);
        if (cached.empty()) return std::uint64_t{0};
        const std::uint64_t bytes = cached.back().bytes();
        cached.pop_back();
        return bytes;
    });
    for (int i = 0; i < 4; ++i)
        cached.push_back(pool.acquire(4 * kMegabyte, owner("cache"), 0ms, nullptr));
    EXPECT_TRUE(asked.empty());
    const Extent extent = pool.acquire(6 * kMegabyte, owner("job"), 0ms, nullptr);
    EXPECT_EQ(asked, (std::vector<std::uint64_t>{6 * kMegabyte, 2 * kMegabyte}));
    EXPECT_EQ(cached.size(), 2U);
    EXPECT_FALSE(pool.try_acquire(15 * kMegabyte, owner("too much")));
    EXPECT_TRUE(cached.empty());
}

TEST(TensorPool, WhatBecomesEvictableServesAWaiter) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    std::mutex mutex;
    Extent idle;
    pool.set_reclaimer([&](std::uint64_t) {
        Extent victim;
        const std::scoped_lock lock(mutex);
        victim = std::move(idle);
        return victim.bytes();
    });
    Extent used = pool.acquire(16 * kMegabyte, owner("cache"), 0ms, nullptr);
    std::jthread waiter([&] { pool.acquire(kMegabyte, owner("job"), std::nullopt, nullptr); });
    wait_for_queue(pool, 1);
    EXPECT_TRUE(pool.has_waiters());
    {
        const std::scoped_lock lock(mutex);
        idle = std::move(used);
    }
    pool.wake();
    waiter.join();
    EXPECT_EQ(pool.summary().used, 0U);
}

TEST(TensorPool, AReclaimerThatFailsLeavesTheQueueWhole) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    pool.set_reclaimer([](std::uint64_t) -> std::uint64_t { throw InternalError("broken reclaimer"); });
    const Extent all = pool.acquire(16 * kMegabyte, owner("all"), 0ms, nullptr);
    EXPECT_THROW(pool.acquire(kMegabyte, owner("late"), std::nullopt, nullptr), InternalError);
    EXPECT_EQ(pool.summary().queued, 0);
}

TEST(TensorPool, SizeChangesWithinTheReservedSpace) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte, 64 * kMegabyte);
    EXPECT_EQ(device.reserved_bytes(), 64 * kMegabyte);
    EXPECT_EQ(pool.summary().size, 16 * kMegabyte);
    Extent all = pool.acquire(16 * kMegabyte, owner("all"), 0ms, nullptr);
    EXPECT_FALSE(pool.try_acquire(100, owner("more")));
    EXPECT_EQ(pool.set_size(32 * kMegabyte), 32 * kMegabyte);
    EXPECT_TRUE(pool.try_acquire(16 * kMegabyte, owner("more")));
    EXPECT_EQ(pool.set_size(1000 * kMegabyte), 64 * kMegabyte);
    EXPECT_EQ(pool.set_size(8 * kMegabyte), 8 * kMegabyte);
    EXPECT_FALSE(pool.try_acquire(100, owner("more")));
    EXPECT_EQ(pool.summary().largest_free, 0U);
    all = Extent();
    EXPECT_TRUE(pool.try_acquire(8 * kMegabyte, owner("more")));
    EXPECT_FALSE(pool.try_acquire(9 * kMegabyte, owner("more")));
}

TEST(TensorPool, AWaiterLearnsThatThePoolHasShrunk) {
    SlabDevice device;
    TensorPool pool(device, 16 * kMegabyte);
    const Extent some = pool.acquire(8 * kMegabyte, owner("some"), 0ms, nullptr);
    std::string state;
    std::jthread waiter([&] {
        state = error_of([&] { pool.acquire(12 * kMegabyte, owner("late"), std::nullopt, nullptr); }).sqlstate();
    });
    wait_for_queue(pool, 1);
    pool.set_size(10 * kMegabyte);
    waiter.join();
    EXPECT_EQ(state, sqlstate::kConfigurationLimitExceeded);
}

// Threads hold, wait for and give up random extents; each marks its bytes, so that any overlap is seen.
TEST(TensorPool, ManyThreadsNeverShareOrExceed) {
    SlabDevice device;
    TensorPool pool(device, 32 * kMegabyte);
    std::atomic<std::uint64_t> held{0};
    std::atomic<int> exceeded{0};
    std::atomic<int> overlaps{0};
    std::atomic<int> granted{0};
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t seed = 0; seed < 6; ++seed)
            threads.emplace_back([&, seed] {
                for (std::uint64_t i = 0; i < 300; ++i) {
                    const std::uint64_t bytes = 1 + random_below(seed, 0, i, 1U << (16 + random_below(seed, 1, i, 9)));
                    const auto timeout = std::chrono::milliseconds(random_below(seed, 2, i, 3));
                    try {
                        const Extent extent = pool.acquire(bytes, owner("x"), timeout, nullptr);
                        ++granted;
                        if (held.fetch_add(extent.bytes()) + extent.bytes() > pool.summary().size) ++exceeded;
                        const auto mark = static_cast<std::byte>(seed + 1);
                        for (std::uint64_t at = 0; at < extent.bytes(); at += 4096)
                            extent.data()[at] = mark;
                        std::this_thread::yield();
                        for (std::uint64_t at = 0; at < extent.bytes(); at += 4096)
                            if (extent.data()[at] != mark) ++overlaps;
                        held.fetch_sub(extent.bytes());
                    } catch (const Error& error) {
                        if (error.sqlstate() != sqlstate::kInsufficientResources) ++overlaps;
                    }
                }
            });
    }
    EXPECT_EQ(exceeded, 0);
    EXPECT_EQ(overlaps, 0);
    EXPECT_GT(granted, 300);
    EXPECT_EQ(pool.summary().used, 0U);
    EXPECT_EQ(pool.summary().queued, 0);
    EXPECT_LE(pool.summary().high_water, 32 * kMegabyte);
    EXPECT_EQ(pool.summary().largest_free, 32 * kMegabyte);
}

}  // namespace
}  // namespace tensile
