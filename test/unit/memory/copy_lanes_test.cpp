// Copies begin when what they wait for is complete and not before, no job waits behind another's large copy, and a
// stop, a cancel or an error of the disk leaves nothing under way.
#include "memory/copy_lanes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "support/memory_store.h"
#include "tensor/error.h"

namespace tensile {
namespace {

using testing::MemoryStore;

constexpr std::uint64_t kPage = 4096;

class CopyLanesTest : public ::testing::Test {
  protected:
    CopyTask task(std::uint64_t page, std::uint64_t pages = 1, QueueCounts after = {}, QueueCounts previous = {}) {
        return {memory_.data() + page * kPage, page * kPage, pages * kPage, after, previous};
    }
    void fill(std::uint64_t page, int value, std::uint64_t pages = 1) {
        std::memset(memory_.data() + page * kPage, value, pages * kPage);
    }
    int stored(std::uint64_t page) { return static_cast<int>(store_.data()[page * kPage + 17]); }
    int held(std::uint64_t page) const { return static_cast<int>(memory_[page * kPage + 17]); }

    Link link_;
    CopyLanes lanes_{link_};
    std::vector<std::byte> memory_ = std::vector<std::byte>(17 * kCopyPiece);
    MemoryStore store_{17 * kCopyPiece};
};

TEST_F(CopyLanesTest, CopiesOutAndInAgain) {
    CopyQueues queues(lanes_, store_, 0, {task(0, 3)}, {task(0, 3, {0, 1, 0})});
    fill(0, 7, 3);
    queues.begin_execution();
    ASSERT_EQ(queues.wait(CopyDirection::kIn, 1, nullptr), LaunchStatus::kCompleted);
    EXPECT_EQ(stored(2), 7);
    EXPECT_EQ(held(2), 7);
    EXPECT_TRUE(queues.is_drained());
    EXPECT_EQ(queues.counters().out_bytes, 3 * kPage);
    EXPECT_EQ(queues.counters().in_bytes, 3 * kPage);
}

TEST_F(CopyLanesTest, WaitsForOps) {
    CopyQueues queues(lanes_, store_, 5, {task(0, 1, {2, 0, 0}), task(1)}, {});
    queues.begin_execution();
    queues.complete_ops(1);
    // Another queue's copy shows that the lane has looked in between.
    {
        CopyQueues witness(lanes_, store_, 0, {task(9)}, {});
        witness.begin_execution();
        ASSERT_EQ(witness.drain(nullptr), LaunchStatus::kCompleted);
    }
    EXPECT_FALSE(queues.is_complete(CopyDirection::kOut, 1));
    fill(0, 3);
    fill(1, 4);
    queues.complete_ops(2);
    ASSERT_EQ(queues.wait(CopyDirection::kOut, 2, nullptr), LaunchStatus::kCompleted);
    EXPECT_EQ(stored(0), 3);
    EXPECT_EQ(stored(1), 4) << "queues are in order";
}

TEST_F(CopyLanesTest, TheNextExecutionWaitsForItsOwnOpsAndTheCopiesItNames) {
    std::latch go(1);
    store_.before = [&](const MemoryStore::Transfer& transfer) {
        if (transfer.is_write && transfer.offset == 0) go.wait();
    };
    // Copy in reads what the copy out of the previous execution has written.
    CopyQueues queues(lanes_, store_, 1, {task(0, 1, {1, 0, 0})}, {task(1, 1, {}, {0, 1, 0})});
    queues.begin_execution();
    EXPECT_TRUE(queues.is_previous_complete(CopyDirection::kOut, 1)) << "the first execution has no previous one";
    ASSERT_EQ(queues.wait(CopyDirection::kIn, 1, nullptr), LaunchStatus::kCompleted);
    queues.complete_ops(1);
    queues.begin_execution();
    EXPECT_FALSE(queues.is_previous_complete(CopyDirection::kOut, 1));
    EXPECT_FALSE(queues.is_complete(CopyDirection::kIn, 1));
    go.count_down();
    ASSERT_EQ(queues.wait_previous(CopyDirection::kOut, 1, nullptr), LaunchStatus::kCompleted);
    ASSERT_EQ(queues.wait(CopyDirection::kIn, 1, nullptr), LaunchStatus::kCompleted);
    EXPECT_FALSE(queues.is_complete(CopyDirection::kOut, 1)) << "its op has not run yet";
    queues.complete_ops(1);
    ASSERT_EQ(queues.drain(nullptr), LaunchStatus::kCompleted);
}

TEST_F(CopyLanesTest, ManyExecutionsKeepOrder) {
    constexpr int kExecutions = 300;
    CopyQueues queues(lanes_, store_, 2, {task(0, 1, {1, 0, 0}, {0, 0, 1})}, {task(1, 1, {1, 1, 0})});
    // The copy in brings back to page 1 what page 0 had.
    queues.task(CopyDirection::kIn, 0).host_offset = 0;
    for (int i = 0; i < kExecutions; ++i) {
        queues.begin_execution();
        ASSERT_EQ(queues.wait_previous(CopyDirection::kOut, 1, nullptr), LaunchStatus::kCompleted);
        fill(0, i & 0x7F);
        queues.complete_ops(1);
        ASSERT_EQ(queues.wait(CopyDirection::kIn, 1, nullptr), LaunchStatus::kCompleted);
        ASSERT_EQ(held(1), i & 0x7F);
        queues.complete_ops(2);
    }
    EXPECT_EQ(queues.counters().in_bytes, kExecutions * kPage);
}

TEST_F(CopyLanesTest, ALargeCopyLetsOthersPass) {
    std::atomic<int> large_pieces{0};
    std::atomic<int> before_small{-1};
    std::latch first(1);
    std::latch go(1);
    store_.before = [&](const MemoryStore::Transfer& transfer) {
        if (transfer.bytes != kCopyPiece) return;
        if (++large_pieces == 1) {
            first.count_down();
            go.wait();
        }
    };
    CopyQueues large(lanes_, store_, 0, {task(0, 16 * kCopyPiece / kPage)}, {});
    MemoryStore other(kPage);
    other.before = [&](const MemoryStore::Transfer&) { before_small = large_pieces.load(); };
    CopyQueues small(lanes_, other, 0, {{memory_.data(), 0, kPage, {}, {}}}, {});
    large.begin_execution();
    first.wait();
    small.begin_execution();
    go.count_down();
    ASSERT_EQ(large.drain(nullptr), LaunchStatus::kCompleted);
    ASSERT_EQ(small.drain(nullptr), LaunchStatus::kCompleted);
    EXPECT_EQ(large_pieces, 16);
    EXPECT_EQ(before_small, 1) << "it had its turn after the piece that was under way";
}

TEST_F(CopyLanesTest, TrafficIsOfAllJobsTogether) {
    std::latch first(1);
    std::latch go(1);
    store_.before = [&](const MemoryStore::Transfer& transfer) {
        if (transfer.offset != 0) return;
        first.count_down();
        go.wait();
    };
    CopyQueues one(lanes_, store_, 1, {task(0, 1), task(1, 1)}, {});
    CopyQueues other(lanes_, store_, 1, {task(2, 3)}, {task(5, 1, {1, 0, 0})});
    one.begin_execution();
    first.wait();
    other.begin_execution();
    // The first copy of each, and nothing that waits for an op.
    EXPECT_EQ(lanes_.traffic(CopyDirection::kOut).queued_bytes, 4 * kPage);
    EXPECT_EQ(lanes_.traffic(CopyDirection::kOut).moved_bytes, 0U);
    EXPECT_EQ(lanes_.traffic(CopyDirection::kIn).queued_bytes, 0U);
    go.count_down();
    other.complete_ops(1);
    ASSERT_EQ(one.drain(nullptr), LaunchStatus::kCompleted);
    ASSERT_EQ(other.drain(nullptr), LaunchStatus::kCompleted);
    EXPECT_EQ(lanes_.traffic(CopyDirection::kOut).queued_bytes, 0U);
    EXPECT_EQ(lanes_.traffic(CopyDirection::kOut).moved_bytes, 5 * kPage);
    EXPECT_EQ(lanes_.traffic(CopyDirection::kIn).moved_bytes, kPage);
}

TEST_F(CopyLanesTest, AWaiterIsStopped) {
    CopyQueues queues(lanes_, store_, 1, {task(0, 1, {1, 0, 0})}, {});
    queues.begin_execution();
    StopFlag stop{false};
    {
        const std::jthread stopper([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            stop = true;
        });
        EXPECT_EQ(queues.wait(CopyDirection::kOut, 1, &stop), LaunchStatus::kStopped);
    }
    EXPECT_EQ(queues.drain(&stop), LaunchStatus::kStopped);
}

TEST_F(CopyLanesTest, ACancelEndsAfterThePieceUnderWay) {
    std::latch inside(1);
    std::latch go(1);
    std::atomic<int> pieces{0};
    store_.before = [&](const MemoryStore::Transfer&) {
        if (++pieces != 1) return;
        inside.count_down();
        go.wait();
    };
    std::optional<CopyQueues> queues;
    // The second copy waits for an op that never runs, so it is there to be dropped however late cancel() is heard.
    queues.emplace(lanes_, store_, 1, std::vector{task(0, 8 * kCopyPiece / kPage), task(1, 1, {1, 0, 0})},
                   std::vector<CopyTask>{});
    queues->begin_execution();
    inside.wait();
    std::atomic<bool> canceled{false};
    {
        const std::jthread canceler([&] {
            queues->cancel();
            canceled = true;
        });
        EXPECT_FALSE(canceled) << "the lane still reads the memory";
        go.count_down();
    }
    // At most the pieces that began before cancel() was heard; none afterwards.
    const int seen = pieces;
    EXPECT_THROW(queues->wait(CopyDirection::kOut, 2, nullptr), InternalError);
    queues.reset();
    EXPECT_EQ(pieces, seen);
    // The lanes go on with others.
    CopyQueues next(lanes_, store_, 0, {task(3)}, {});
    next.begin_execution();
    EXPECT_EQ(next.drain(nullptr), LaunchStatus::kCompleted);
}

TEST_F(CopyLanesTest, AnErrorReachesTheWaiterAndNobodyElse) {
    store_.before = [](const MemoryStore::Transfer& transfer) {
        if (transfer.offset == 0) throw Error(sqlstate::kIoError, "could not write spill file", "Broken.");
    };
    CopyQueues broken(lanes_, store_, 0, {task(0), task(1)}, {task(2, 1, {0, 2, 0})});
    CopyQueues healthy(lanes_, store_, 0, {task(3)}, {});
    broken.begin_execution();
    healthy.begin_execution();
    try {
        broken.wait(CopyDirection::kIn, 1, nullptr);
        ADD_FAILURE() << "the error was lost";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kIoError);
        EXPECT_EQ(error.detail(), "Broken.");
    }
    EXPECT_THROW(broken.drain(nullptr), Error);
    EXPECT_THROW(broken.begin_execution(), Error);
    EXPECT_EQ(healthy.drain(nullptr), LaunchStatus::kCompleted);
    for (const MemoryStore::Transfer& transfer : store_.transfers())
        EXPECT_EQ(transfer.offset, 3 * kPage);
}

TEST_F(CopyLanesTest, ManyJobsAtOnce) {
    constexpr std::uint64_t kJobs = 8;
    std::vector<std::jthread> jobs;
    std::atomic<int> wrong{0};
    for (std::uint64_t job = 0; job < kJobs; ++job)
        jobs.emplace_back([&, job] {
            const std::uint64_t page = job * 2;
            CopyQueues queues(lanes_, store_, 1, {task(page, 2, {1, 0, 0})}, {task(page, 2, {0, 1, 0})});
            for (int i = 0; i < 100; ++i) {
                queues.begin_execution();
                fill(page, static_cast<int>(job) * 10 + i % 10, 2);
                queues.complete_ops(1);
                queues.wait(CopyDirection::kIn, 1, nullptr);
                if (held(page) != static_cast<int>(job) * 10 + i % 10) ++wrong;
            }
        });
    jobs.clear();
    EXPECT_EQ(wrong, 0);
}

TEST_F(CopyLanesTest, CopiesOutsideTheStoreAreADefect) {
    MemoryStore small(kPage);
    EXPECT_THROW(CopyQueues(lanes_, small, 0, {{memory_.data(), kPage, kPage, {}, {}}}, {}), InternalError);
    EXPECT_THROW(CopyQueues(lanes_, small, 0, {{memory_.data(), 0, 0, {}, {}}}, {}), InternalError);
}

TEST(LinkTest, IsMeasuredOnceAndFollowsWhatIsSeen) {
    Link link;
    MemoryStore store(Link::kProbeBytes);
    EXPECT_FALSE(link.is_measured());
    link.observe(CopyDirection::kIn, kCopyPiece, 1, false);
    EXPECT_EQ(link.model().in_bytes_per_second, 0) << "an observation is no measurement";
    link.measure(store);
    ASSERT_TRUE(link.is_measured());
    const LinkModel first = link.model();
    EXPECT_GT(first.in_bytes_per_second, 0);
    EXPECT_GT(first.out_bytes_per_second, 0);
    EXPECT_GT(first.latency_seconds, 0);
    const std::size_t transfers = store.transfers().size();
    link.measure(store);
    EXPECT_EQ(store.transfers().size(), transfers);

    // A slow disk: one piece in a second, both directions together no faster than one.
    for (int i = 0; i < 1000; ++i) {
        link.observe(CopyDirection::kIn, kCopyPiece, 1, false);
        link.observe(CopyDirection::kOut, kCopyPiece, 2, false);
        link.observe(CopyDirection::kIn, kCopyPiece, 2, true);
        link.observe(CopyDirection::kOut, kCopyPiece, 4, true);
        link.observe(CopyDirection::kOut, 4096, 1, true);
    }
    const LinkModel slow = link.model();
    const auto piece = static_cast<double>(kCopyPiece);
    EXPECT_NEAR(slow.in_bytes_per_second, piece, piece * 1e-3);
    EXPECT_NEAR(slow.out_bytes_per_second, piece / 2, piece * 1e-3);
    EXPECT_NEAR(slow.total_bytes_per_second, piece, piece * 1e-3) << "never less than one direction alone";
    EXPECT_TRUE(slow.is_shared());
}

}  // namespace
}  // namespace tensile
