// How jobs get their memory: in place, sharing the step region; moving tensors; waiting for pool and spill space; and
// what they are told when they cannot have it.
#include "runtime/job_admission.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tensor/error.h"
#include "unit/runtime/small_engine.h"

namespace tensile {
namespace {

TEST(Admission, JobsInPlaceShareOneStepRegion) {
    DeepJobOptions options;
    const std::uint64_t bytes = comfortable(options);
    SmallEngine engine(2 * bytes, no_planner());
    std::vector<float> losses;
    Job first = make_deep_job(options, losses);
    Job second = make_deep_job(options, losses);
    std::optional<JobRunner> one;
    one.emplace(engine.device, engine.arbiter, first, "one");
    one->admit(engine.memory, kOwner, std::nullopt, nullptr);
    const std::uint64_t used = engine.pool.summary().used;
    {
        JobRunner other(engine.device, engine.arbiter, second, "other");
        other.admit(engine.memory, kOwner, std::nullopt, nullptr);
        EXPECT_LT(engine.pool.summary().used - used, bytes / 2) << "only its state was added";
        one.reset();
        EXPECT_GE(engine.memory.steps.bytes(), bytes / 2) << "still used by the other";
        other.run(nullptr, {});
    }
    engine.expect_empty();
}

TEST(Admission, TheRegionFollowsTheGreatestNeed) {
    DeepJobOptions small;
    small.batch = 1000;
    const DeepJobOptions large;
    SmallEngine engine(256 << 20, no_planner());
    std::vector<float> losses;
    Job small_job = make_deep_job(small, losses);
    Job large_job = make_deep_job(large, losses);
    JobRunner small_runner(engine.device, engine.arbiter, small_job, "small");
    small_runner.admit(engine.memory, kOwner, std::nullopt, nullptr);
    const std::uint64_t before = engine.memory.steps.bytes();
    {
        JobRunner large_runner(engine.device, engine.arbiter, large_job, "large");
        large_runner.admit(engine.memory, kOwner, std::nullopt, nullptr);
        EXPECT_GT(engine.memory.steps.bytes(), 2 * before);
        large_runner.run(nullptr, {});
    }
    EXPECT_EQ(engine.memory.steps.bytes(), before);
    // It has moved under the small job.
    losses.clear();
    small_runner.run(nullptr, {});
    EXPECT_EQ(losses, run_with_room(small).losses);
}

TEST(Admission, WithoutSpillSpaceAJobMustFit) {
    const DeepJobOptions options;
    SmallEngine engine(comfortable(options) / 2, moving_planner(), 0);
    try {
        engine.run(options);
        FAIL() << "the job was admitted";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kConfigurationLimitExceeded);
    }
    engine.expect_empty();
}

TEST(Admission, TooLittleSpillSpaceIsAnError) {
    const DeepJobOptions options;
    SmallEngine engine(comfortable(options) / 2, moving_planner(), 1 << 20);
    try {
        engine.run(options);
        FAIL() << "the job was admitted";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kConfigurationLimitExceeded);
        EXPECT_NE(error.hint().find("tensile.spill_limit"), std::string::npos);
    }
    engine.expect_empty();
}

TEST(Admission, WithoutSpillSpaceAJobMayComputeAgain) {
    const DeepJobOptions options;
    SmallEngine engine(comfortable(options) * 3 / 4, real_planner(), 0);
    JobUsage usage;
    EXPECT_EQ(engine.run(options, &usage), run_with_room(options));
    EXPECT_GT(usage.moved.recompute_seconds, 0.0);
    EXPECT_EQ(usage.host_bytes, 0U);
    engine.expect_empty();
}

// The link is measured with what little there is, and plans compute again what they cannot copy.
TEST(Admission, LittleSpillSpaceIsUsedAsFarAsItGoes) {
    const DeepJobOptions options;
    constexpr std::uint64_t kLittle = 3 << 20;
    SmallEngine engine(comfortable(options) * 3 / 4, real_planner(), kLittle);
    JobUsage usage;
    EXPECT_EQ(engine.run(options, &usage), run_with_room(options));
    EXPECT_LE(usage.host_bytes, kLittle);
    engine.expect_empty();
}

// The pool has room for both, the spill space for one.
TEST(Admission, AJobWaitsForTheSpillSpaceOfOthers) {
    const DeepJobOptions options;
    const PoolShare half(0.5);
    const std::uint64_t bytes = comfortable(options);
    JobUsage usage;
    const Outcome alone = SmallEngine(bytes, moving_planner()).run(options, &usage, half);
    ASSERT_GT(usage.host_bytes, 0U);
    SmallEngine engine(bytes, moving_planner(), usage.host_bytes + (1 << 20));
    std::vector<float> losses;
    Job job = make_deep_job(options, losses);
    Outcome second;
    std::jthread other;
    {
        JobRunner first(engine.device, engine.arbiter, job, "first");
        first.admit(engine.memory, kOwner, std::nullopt, nullptr, half);
        Job impatient = make_deep_job(options, second.losses);
        JobRunner runner(engine.device, engine.arbiter, impatient, "impatient");
        try {
            runner.admit(engine.memory, kOwner, std::chrono::milliseconds(1), nullptr, half);
            ADD_FAILURE() << "there was no spill space";
        } catch (const Error& error) {
            EXPECT_EQ(error.sqlstate(), sqlstate::kInsufficientResources);
            EXPECT_NE(error.hint().find("tensile.spill_limit"), std::string::npos) << error.what();
        }
        other = std::jthread([&] { second = engine.run(options, nullptr, half); });
        first.run(nullptr, {});
    }
    other.join();
    EXPECT_EQ(losses, alone.losses);
    EXPECT_EQ(second, alone);
    engine.expect_empty();
}

TEST(Admission, APoolBelowTheMinimumSaysWhatIsNeeded) {
    const DeepJobOptions options;
    SmallEngine engine(128 << 10, moving_planner());
    try {
        engine.run(options);
        FAIL() << "the job was admitted";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kConfigurationLimitExceeded);
        EXPECT_NE(error.hint().find("tensile.pool_size"), std::string::npos);
    }
    engine.expect_empty();
}

}  // namespace
}  // namespace tensile
