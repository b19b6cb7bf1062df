// Trainings on a device that completes work later: in place, under pressure with host copies in the pinned arena and in
// a spill file, and beside each other, they give the bits of the reference device; whatever ends them, nothing stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "support/fake_device.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "unit/runtime/async_engine.h"

namespace tensile {
namespace {

using testing::FakeFault;

constexpr DeepJobOptions kJob{.layers = 10, .width = 32, .batch = 1024, .steps = 5};

// Of the device of the reference kernels, whose nodes are computed one by one.
Outcome reference(const DeepJobOptions& options) {
    testing::FakeDevice device;
    Arbiter arbiter(device);
    TensorPool pool(device, 64 * kMegabyte);
    JobMemory memory(pool, "", 0, no_planner());
    Outcome outcome;
    Job job = make_deep_job(options, outcome.losses);
    JobRunner runner(device, arbiter, job, "deep");
    runner.admit(memory, kOwner, std::nullopt, nullptr);
    runner.run(nullptr, {});
    outcome.weights = SmallEngine::weights_of(runner, job);
    return outcome;
}

std::uint64_t async_comfortable(const DeepJobOptions& options) {
    AsyncEngine engine;
    std::vector<float> losses;
    Job job = make_deep_job(options, losses);
    return JobRunner(*engine.device, *engine.arbiter, job, "deep").extent_bytes();
}

TEST(AsyncTraining, GivesTheBitsOfTheReference) {
    AsyncEngine engine;
    JobUsage usage;
    EXPECT_EQ(engine.run(kJob, &usage), reference(kJob));
    EXPECT_EQ(usage.moved.in_bytes, 0U);
    engine.expect_empty();
}

// The first steps are measured op by op; the others launch all ops at once.
TEST(AsyncTraining, StepsThatAreNotMeasuredGiveTheSameBits) {
    DeepJobOptions options = kJob;
    options.layers = 3;
    options.steps = 2 * static_cast<int>(StepCosts::kMeasuredAtFirst) + 3;
    AsyncEngine engine;
    EXPECT_EQ(engine.run(options), reference(options));
    engine.expect_empty();
}

TEST(AsyncTraining, WithoutPinnedMemoryToo) {
    AsyncEngine engine({.pinned_bytes = 0});
    EXPECT_EQ(engine.bridge->arena().limit(), 0U);
    EXPECT_EQ(engine.run(kJob), reference(kJob));
    engine.expect_empty();
}

class AsyncPressure : public ::testing::TestWithParam<JobPlanner (*)()> {};

TEST_P(AsyncPressure, InTheArenaGivesTheSameBits) {
    AsyncEngine engine({.pool_bytes = async_comfortable(kJob) / 2, .planner = GetParam()()});
    JobUsage usage;
    EXPECT_EQ(engine.run(kJob, &usage), reference(kJob));
    EXPECT_GT(usage.moved.out_bytes, 0U);
    EXPECT_GT(usage.moved.in_bytes, 0U);
    EXPECT_EQ(engine.bridge->moved_bytes(CopyDirection::kOut), usage.moved.out_bytes);
    EXPECT_FALSE(engine.memory->link.is_measured()) << "no spill file was needed";
    engine.expect_empty();
}

TEST_P(AsyncPressure, InTheSpillFileGivesTheSameBits) {
    // Lanes keep 4 MiB; what is left is too little for host copies.
    AsyncEngine engine({.pool_bytes = async_comfortable(kJob) / 2,
                        .planner = GetParam()(),
                        .pinned_bytes = 4 * kMegabyte + kMegabyte / 4});
    JobUsage usage;
    EXPECT_EQ(engine.run(kJob, &usage), reference(kJob));
    EXPECT_GT(usage.moved.in_bytes, 0U);
    EXPECT_EQ(engine.bridge->moved_bytes(CopyDirection::kOut), 0U);
    EXPECT_TRUE(engine.memory->link.is_measured());
    engine.expect_empty();
}

TEST_P(AsyncPressure, JobsBesideEachOtherGiveTheSameBits) {
    DeepJobOptions other = kJob;
    other.layers = 5;
    other.seed = 4;
    other.steps = 8;
    const Outcome expected = reference(kJob);
    const Outcome other_expected = reference(other);
    AsyncEngine engine({.pool_bytes = async_comfortable(kJob), .planner = GetParam()()});
    std::vector<Outcome> outcomes(3);
    {
        std::vector<std::jthread> jobs;
        for (std::size_t i = 0; i < outcomes.size(); ++i)
            jobs.emplace_back([&, i] { outcomes[i] = engine.run(i == 1 ? other : kJob); });
    }
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        EXPECT_EQ(outcomes[i], i == 1 ? other_expected : expected) << i;
    engine.expect_empty();
}

TEST_P(AsyncPressure, AStopAtAnyMomentLeavesNothing) {
    const Outcome expected = reference(kJob);
    for (const std::uint64_t pinned : {64 * kMegabyte, 4 * kMegabyte}) {
        AsyncEngine engine(
            {.pool_bytes = async_comfortable(kJob) / 2, .planner = GetParam()(), .pinned_bytes = pinned});
        for (std::uint64_t i = 0; i < 10; ++i) {
            StopFlag stop{false};
            std::jthread stopper([&] {
                std::this_thread::sleep_for(std::chrono::microseconds(random_below(5, 0, i, 200000)));
                stop = true;
                engine.pool.wake();
                engine.arbiter->wake();
            });
            try {
                engine.run(kJob, nullptr, &stop);
            } catch (const Error& error) {
                EXPECT_EQ(error.sqlstate(), sqlstate::kQueryCanceled) << error.what() << error.detail();
            }
        }
        engine.expect_empty();
        EXPECT_EQ(engine.run(kJob), expected);
    }
}

INSTANTIATE_TEST_SUITE_P(Planners, AsyncPressure,
                         ::testing::Values(&real_planner, &moving_planner, &resident_moving_planner));

// Whatever the planner makes of the pool's size, the arena's and the device's speed.
TEST(AsyncTraining, AnyPoolAndAnySpeedGiveTheSameBits) {
    const std::uint64_t whole = async_comfortable(kJob);
    const Outcome expected = reference(kJob);
    const auto between = [](std::uint64_t seed, std::uint64_t index, double low, double high) {
        return low * std::pow(high / low, random_uniform(seed, 78, index));
    };
    bool has_moved = false;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        AsyncEngineOptions options;
        options.pool_bytes = static_cast<std::uint64_t>(between(seed, 0, 0.35, 1.1) * static_cast<double>(whole));
        options.pinned_bytes = static_cast<std::uint64_t>(between(seed, 1, 4.0, 64.0) * kMegabyte);
        options.plugin.launch_seconds = between(seed, 2, 1e-6, 1e-3);
        options.plugin.copy_latency = between(seed, 3, 1e-6, 1e-3);
        options.plugin.copy_bytes_per_second = between(seed, 4, 1e8, 1e11);
        AsyncEngine engine(options);
        JobUsage usage;
        EXPECT_EQ(engine.run(kJob, &usage), expected) << seed;
        has_moved = has_moved || usage.moved.in_bytes > 0;
        engine.expect_empty();
    }
    EXPECT_TRUE(has_moved);
}

// A fault that the device survives is the job's end and nobody else's.
TEST(AsyncTraining, AFaultEndsTheJobAndNothingStays) {
    for (const std::uint64_t pinned : {64 * kMegabyte, 4 * kMegabyte})
        for (const FakeFault::Call call : {FakeFault::Call::kCopy, FakeFault::Call::kLaunch}) {
            AsyncEngine engine({.pool_bytes = async_comfortable(kJob) / 2, .pinned_bytes = pinned});
            for (const int after : {0, 40, 80}) {
                engine.plugin.inject({.call = call, .after = after});
                try {
                    engine.run(kJob);
                    ADD_FAILURE() << "the fault was lost";
                } catch (const Error& error) {
                    EXPECT_EQ(error.sqlstate(), sqlstate::kIoError) << error.what();
                }
                engine.expect_empty();
            }
            EXPECT_EQ(engine.run(kJob), reference(kJob));
        }
}

// Of a fault that it does not survive, every job dies, and each lets go of what it holds.
TEST(AsyncTraining, ALostDeviceEndsEveryJob) {
    AsyncEngine engine({.pool_bytes = async_comfortable(kJob) / 2});
    engine.plugin.inject({.call = FakeFault::Call::kCopy, .after = 100, .sticky = true});
    for (int i = 0; i < 2; ++i)
        EXPECT_THROW(engine.run(kJob), Error);
    engine.expect_empty();
}

// With the arena's little room a job would need nearly all that it would in place, and others hold that for long.
TEST(AsyncTraining, AJobSpillsNowRatherThanWaitForWhatTheArenaWouldNeed) {
    const std::uint64_t whole = async_comfortable(kJob);
    AsyncEngine engine({.pool_bytes = 2 * whole, .pinned_bytes = 4 * kMegabyte + kMegabyte / 4});
    const Extent other = engine.pool.acquire(2 * whole - whole / 2, kOwner, std::nullopt, nullptr);
    Outcome outcome;
    Job job = make_deep_job(kJob, outcome.losses);
    JobRunner runner(*engine.device, *engine.arbiter, job, "deep");
    runner.admit(*engine.memory, kOwner, std::chrono::milliseconds(0), nullptr);
    runner.run(nullptr, {});
    outcome.weights = SmallEngine::weights_of(runner, job);
    EXPECT_EQ(outcome, reference(kJob));
    EXPECT_TRUE(engine.memory->link.is_measured());
    EXPECT_EQ(engine.bridge->moved_bytes(CopyDirection::kOut), 0U);
}

TEST(AsyncTraining, NeitherArenaNorSpillSpaceIsAClearError) {
    AsyncEngine engine({.pool_bytes = async_comfortable(kJob) / 4,
                        .planner = resident_moving_planner(),
                        .pinned_bytes = 4 * kMegabyte,
                        .spill_limit = kMegabyte / 4});
    try {
        engine.run(kJob);
        ADD_FAILURE() << "it ran all the same";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kConfigurationLimitExceeded) << error.what();
    }
    engine.expect_empty();
}

}  // namespace
}  // namespace tensile
