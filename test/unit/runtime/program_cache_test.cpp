// The program cache builds once, forgets the least recently used, and counts.
#include "runtime/program_cache.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tensor/error.h"

namespace tensile {
namespace {

ProgramCache::Key key(int model, std::int64_t capacity) {
    ProgramCache::Key made;
    made.model[0] = static_cast<std::byte>(model);
    made.capacity = capacity;
    return made;
}

class ProgramCacheTest : public ::testing::Test {
  protected:
    std::shared_ptr<const PlannedProgram> get(ProgramCache& cache, const ProgramCache::Key& wanted) {
        return cache.get(wanted, [this] {
            ++built_;
            return std::make_shared<PlannedProgram>();
        });
    }
    std::atomic<int> built_{0};
};

TEST_F(ProgramCacheTest, BuildsOnce) {
    ProgramCache cache(4);
    const auto first = get(cache, key(1, 16));
    EXPECT_EQ(get(cache, key(1, 16)), first);
    EXPECT_NE(get(cache, key(1, 1)), first);
    EXPECT_NE(get(cache, key(2, 16)), first);
    EXPECT_EQ(built_, 3);
    const ProgramCache::Counters counters = cache.counters();
    EXPECT_EQ(counters.entries, 3U);
    EXPECT_EQ(counters.hits, 1U);
    EXPECT_EQ(counters.misses, 3U);
    EXPECT_EQ(counters.evictions, 0U);
}

TEST_F(ProgramCacheTest, ForgetsTheLeastRecentlyUsed) {
    ProgramCache cache(2);
    const auto first = get(cache, key(1, 1));
    get(cache, key(2, 1));
    get(cache, key(1, 1));
    get(cache, key(3, 1));
    EXPECT_EQ(cache.counters().evictions, 1U);
    EXPECT_EQ(get(cache, key(1, 1)), first);
    EXPECT_EQ(built_, 3);
    get(cache, key(2, 1));
    EXPECT_EQ(built_, 4);
    EXPECT_EQ(cache.counters().entries, 2U);
}

TEST_F(ProgramCacheTest, AFailedBuildLeavesNothing) {
    ProgramCache cache(2);
    EXPECT_THROW(cache.get(key(1, 1), []() -> std::shared_ptr<const PlannedProgram> { throw InternalError("no"); }),
                 InternalError);
    EXPECT_EQ(cache.counters().entries, 0U);
    EXPECT_NE(get(cache, key(1, 1)), nullptr);
}

TEST_F(ProgramCacheTest, AllThreadsGetTheSameProgram) {
    ProgramCache cache(8);
    std::vector<std::vector<std::shared_ptr<const PlannedProgram>>> seen(4);
    {
        std::vector<std::jthread> threads;
        for (auto& mine : seen)
            threads.emplace_back([&] {
                for (int i = 0; i < 200; ++i)
                    mine.push_back(get(cache, key(i % 8, 1)));
            });
    }
    for (const auto& mine : seen)
        EXPECT_EQ(mine, seen[0]);
    EXPECT_EQ(cache.counters().entries, 8U);
}

}  // namespace
}  // namespace tensile
