// Jobs that do not fit the pool run all the same: with the bits of jobs that do, alone and beside others; whatever ends
// them, nothing stays in the pool or in the spill file.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "tensor/error.h"
#include "tensor/random.h"
#include "unit/runtime/small_engine.h"

namespace tensile {
namespace {

class Pressure : public ::testing::TestWithParam<JobPlanner (*)()> {
  protected:
    JobPlanner planner() const { return GetParam()(); }
};

TEST_P(Pressure, AJobThatDoesNotFitGivesTheSameBits) {
    const DeepJobOptions options;
    SmallEngine engine(comfortable(options) / 2, planner());
    JobUsage usage;
    EXPECT_EQ(engine.run(options, &usage), run_with_room(options));
    EXPECT_GT(usage.moved.out_bytes, 0U);
    EXPECT_GT(usage.moved.in_bytes, 0U);
    EXPECT_GT(usage.host_bytes, 0U);
    EXPECT_LE(usage.granted_bytes, engine.pool.summary().size);
    EXPECT_LE(engine.pool.summary().high_water, engine.pool.summary().size);
    engine.expect_empty();
}

TEST_P(Pressure, JobsBesideEachOtherGiveTheSameBits) {
    DeepJobOptions large;
    DeepJobOptions small = large;
    small.layers = 5;
    small.batch = 2000;
    small.seed = 4;
    small.steps = 10;
    const Outcome large_alone = run_with_room(large);
    const Outcome small_alone = run_with_room(small);
    SmallEngine engine(comfortable(large), planner());
    std::vector<Outcome> outcomes(4);
    {
        std::vector<std::jthread> jobs;
        for (std::size_t i = 0; i < outcomes.size(); ++i)
            jobs.emplace_back([&, i] { outcomes[i] = engine.run(i % 2 == 0 ? large : small); });
    }
    for (std::size_t i = 0; i < outcomes.size(); ++i)
        EXPECT_EQ(outcomes[i], i % 2 == 0 ? large_alone : small_alone) << i;
    engine.expect_empty();
}

TEST_P(Pressure, AStopAtAnyMomentLeavesNothing) {
    const DeepJobOptions options;
    SmallEngine engine(comfortable(options) / 2, planner());
    for (std::uint64_t i = 0; i < 25; ++i) {
        StopFlag stop{false};
        std::vector<float> losses;
        std::jthread stopper([&] {
            std::this_thread::sleep_for(std::chrono::microseconds(random_below(5, 0, i, 60000)));
            stop = true;
            engine.pool.wake();
            engine.arbiter.wake();
        });
        Job job = make_deep_job(options, losses);
        JobRunner runner(engine.device, engine.arbiter, job, "deep");
        try {
            runner.admit(engine.memory, kOwner, std::nullopt, &stop);
            runner.run(&stop, {});
        } catch (const Error& error) {
            EXPECT_EQ(error.sqlstate(), sqlstate::kQueryCanceled) << error.what() << error.detail();
        }
    }
    engine.expect_empty();
    EXPECT_EQ(engine.run(options), run_with_room(options));
}

INSTANTIATE_TEST_SUITE_P(Planners, Pressure,
                         ::testing::Values(&real_planner, &moving_planner, &resident_moving_planner));

TEST(PressureTest, AQuarterOfThePoolIsEnough) {
    const DeepJobOptions options;
    SmallEngine engine(comfortable(options) / 4, real_planner());
    JobUsage usage;
    EXPECT_EQ(engine.run(options, &usage), run_with_room(options));
    EXPECT_LE(engine.pool.summary().high_water, comfortable(options) / 4);
    engine.expect_empty();
}

// A parameter of 4 MiB, its gradient and a slice of its velocity are enough for its update.
TEST(PressureTest, OptimizerStateIsMovedInSlices) {
    constexpr std::uint64_t kMatrix = 4 << 20;
    const DeepJobOptions options{.layers = 2, .width = 1024, .batch = 64, .steps = 3};
    SmallEngine engine(2 * kMatrix + kMatrix / 2, real_planner());
    JobUsage usage;
    EXPECT_EQ(engine.run(options, &usage), run_with_room(options));
    EXPECT_GT(usage.moved.in_bytes, 0U);
    engine.expect_empty();
}

}  // namespace
}  // namespace tensile
