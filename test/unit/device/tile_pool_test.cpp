// The pool of tile threads: every tile runs exactly once, whatever the number of threads and however it changes.
#include "device/tile_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <limits>
#include <mutex>
#include <set>

namespace tensile::test {

namespace {

constexpr int kNoLimit = std::numeric_limits<int>::max();

struct Counted {
    std::vector<std::atomic<int>> runs;
    std::atomic<int> highest_slot{0};
    explicit Counted(std::size_t tiles) : runs(tiles) {}

    static bool run(void* opaque, std::int64_t tile, int slot) noexcept {
        auto& counted = *static_cast<Counted*>(opaque);
        ++counted.runs[static_cast<std::size_t>(tile)];
        int highest = counted.highest_slot.load();
        while (slot > highest && !counted.highest_slot.compare_exchange_weak(highest, slot)) {
        }
        return true;
    }
};

void nothing() {}

TEST(TilePool, RunsEveryTileOnceWhileTheNumberOfThreadsChanges) {
    TilePool pool(1, StreamPriority::kTraining, nothing);
    for (int round = 0; round < 400; ++round) {
        if (round % 20 == 0) pool.set_threads(1 + round / 20 % 5);
        const std::size_t tiles = static_cast<std::size_t>(round % 13);
        Counted counted(tiles);
        ASSERT_EQ(pool.run(static_cast<std::int64_t>(tiles), kNoLimit, nullptr, Counted::run, &counted),
                  LaunchStatus::kCompleted);
        for (const auto& runs : counted.runs)
            ASSERT_EQ(runs.load(), 1);
    }
}

TEST(TilePool, SlotsStayBelowTheLimitOfParticipants) {
    TilePool pool(6, StreamPriority::kPrediction, nothing);
    for (int round = 0; round < 200; ++round) {
        Counted counted(64);
        pool.run(64, 3, nullptr, Counted::run, &counted);
        ASSERT_LT(counted.highest_slot.load(), 3);
    }
}

TEST(TilePool, ParticipantsAtTheSameTimeHaveDifferentSlots) {
    TilePool pool(4, StreamPriority::kTraining, nothing);
    struct Slots {
        std::array<std::atomic<int>, 1024> busy{};
        std::atomic<bool> clash{false};
    } slots;
    const auto body = [](void* opaque, std::int64_t, int slot) noexcept {
        auto& slots = *static_cast<Slots*>(opaque);
        if (slots.busy[static_cast<std::size_t>(slot)].fetch_add(1) != 0) slots.clash = true;
        std::this_thread::yield();
        slots.busy[static_cast<std::size_t>(slot)].fetch_sub(1);
        return true;
    };
    for (int round = 0; round < 100; ++round)
        pool.run(32, 1024, nullptr, body, &slots);
    EXPECT_FALSE(slots.clash.load());
}

TEST(TilePool, StopsWithinTiles) {
    for (const int threads : {1, 3}) {
        TilePool pool(threads, StreamPriority::kTraining, nothing);
        struct Stopping {
            StopFlag stop{false};
            std::atomic<int> started{0};
        } stopping;
        const auto body = [](void* opaque, std::int64_t, int) noexcept {
            auto& stopping = *static_cast<Stopping*>(opaque);
            if (++stopping.started == 5) stopping.stop = true;
            return true;
        };
        EXPECT_EQ(pool.run(100000, kNoLimit, &stopping.stop, body, &stopping), LaunchStatus::kStopped);
        // Each thread finishes at most the tile that it had begun.
        EXPECT_LE(stopping.started.load(), 5 + threads);
        // The next launch is not affected.
        Counted counted(10);
        EXPECT_EQ(pool.run(10, kNoLimit, nullptr, Counted::run, &counted), LaunchStatus::kCompleted);
    }
}

TEST(TilePool, ALaunchThatFindsThePoolBusyRunsOnItsCaller) {
    TilePool pool(2, StreamPriority::kPrediction, nothing);
    struct Outer {
        TilePool& pool;
        std::atomic<int> inner_tiles{0};
        std::thread::id foreign{};
    } outer{pool};
    const auto body = [](void* opaque, std::int64_t, int) noexcept {
        auto& outer = *static_cast<Outer*>(opaque);
        struct Inner {
            std::atomic<int>& tiles;
            std::thread::id caller;
            bool moved = false;
        } inner{outer.inner_tiles, std::this_thread::get_id()};
        const auto count = [](void* inside, std::int64_t, int slot) noexcept {
            auto& inner = *static_cast<Inner*>(inside);
            inner.moved = inner.moved || slot != 0 || inner.caller != std::this_thread::get_id();
            ++inner.tiles;
            return true;
        };
        outer.pool.run(4, kNoLimit, nullptr, count, &inner);
        return !inner.moved;
    };
    EXPECT_EQ(pool.run(8, kNoLimit, nullptr, body, &outer), LaunchStatus::kCompleted);
    EXPECT_EQ(outer.inner_tiles.load(), 32);
}

// What a pool thread looks like from inside.
struct ThreadState {
    std::mutex mutex;
    std::set<int> nice_values;
    std::set<pid_t> threads;
    bool signals_open = false;

    static bool note(void* opaque, std::int64_t, int slot) noexcept {
        auto& state = *static_cast<ThreadState*>(opaque);
        if (slot == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            return true;
        }
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        const std::lock_guard lock(state.mutex);
        state.nice_values.insert(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())));
        state.threads.insert(gettid());
        state.signals_open = state.signals_open || sigismember(&mask, SIGTERM) == 0 || sigismember(&mask, SIGINT) == 0;
        return true;
    }
};

TEST(TilePool, TrainingThreadsAreNiceAndBlockSignals) {
    const int own = getpriority(PRIO_PROCESS, 0);
    for (const StreamPriority priority : {StreamPriority::kTraining, StreamPriority::kPrediction}) {
        TilePool pool(3, priority, nothing);
        ThreadState state;
        for (int round = 0; round < 1000 && state.threads.empty(); ++round)
            pool.run(16, kNoLimit, nullptr, ThreadState::note, &state);
        ASSERT_FALSE(state.threads.empty());
        EXPECT_FALSE(state.signals_open);
        EXPECT_EQ(state.nice_values, std::set<int>{priority == StreamPriority::kTraining ? std::max(own, 10) : own});
    }
    EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own);
}

}  // namespace

}  // namespace tensile::test
