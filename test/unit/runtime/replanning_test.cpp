// Running jobs are planned again: when others leave, so that they use what has become free, and when figures were
// wrong. The bits are those of jobs that were never disturbed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/replan_policy.h"
#include "tensor/error.h"
#include "unit/runtime/small_engine.h"

namespace tensile {
namespace {

// The real planner, told that ops take long and the link takes no time. With the measured times of a busy machine it
// may well compute everything again instead of copying, and whether a job copies would depend on them.
JobPlanner copying_planner() {
    return {minimum_bytes, [](const JobRequest& request, std::uint64_t budget) {
                std::vector<ProgramTask> programs(request.programs.begin(), request.programs.end());
                for (ProgramTask& program : programs)
                    std::fill(program.op_seconds.begin(), program.op_seconds.end(), 1.0);
                return plan_job({programs, request.variable_bytes, {1e12, 1e12, 2e12, 0}}, budget);
            }};
}

// A job beside one that holds `held` bytes of the pool until the job has done `steps` steps. What it has in the end.
struct Grown {
    Outcome outcome;
    JobUsage before;
    JobUsage after;
};

Grown run_until_others_leave(SmallEngine& engine, const DeepJobOptions& options, std::uint64_t held, int steps) {
    Grown grown;
    Extent other = engine.pool.acquire(held, {2, 200, "train", "other"}, std::nullopt, nullptr);
    Job job = make_deep_job(options, grown.outcome.losses);
    JobRunner runner(engine.device, engine.arbiter, job, "deep");
    runner.admit(engine.memory, kOwner, std::nullopt, nullptr);
    grown.before = runner.usage();
    int done = 0;
    runner.run(nullptr, [&] {
        if (++done == steps) other = Extent();
    });
    grown.after = runner.usage();
    grown.outcome.weights = SmallEngine::weights_of(runner, job);
    EXPECT_EQ(runner.plan().empty(), false);
    EXPECT_LE(engine.pool.summary().high_water, engine.pool.summary().size);
    return grown;
}

class Replanning : public ::testing::TestWithParam<JobPlanner (*)()> {};

TEST_P(Replanning, AJobGrowsToFitWhenOthersLeave) {
    const DeepJobOptions options;
    const std::uint64_t need = comfortable(options) + (4 << 20);
    SmallEngine engine(2 * need, GetParam()());
    const Grown grown = run_until_others_leave(engine, options, 2 * need - need / 2, 2);
    EXPECT_GT(grown.before.host_bytes, 0U);
    EXPECT_EQ(grown.after.host_bytes, 0U) << "in place now";
    EXPECT_GT(grown.after.granted_bytes, grown.before.granted_bytes);
    EXPECT_EQ(grown.after.replans, 1U);
    EXPECT_GT(grown.after.moved.out_bytes, 0U) << "what it moved before still counts";
    EXPECT_EQ(grown.outcome, run_with_room(options));
    engine.expect_empty();
}

TEST_P(Replanning, AJobMayGrowAndStillMove) {
    const DeepJobOptions options;
    const std::uint64_t need = comfortable(options);
    SmallEngine engine(need * 7 / 8, GetParam()());
    const Grown grown = run_until_others_leave(engine, options, need * 7 / 8 - need / 2, 2);
    EXPECT_GE(grown.after.granted_bytes, grown.before.granted_bytes);
    EXPECT_GT(grown.after.host_bytes, 0U);
    EXPECT_EQ(grown.outcome, run_with_room(options));
    engine.expect_empty();
}

INSTANTIATE_TEST_SUITE_P(Planners, Replanning,
                         ::testing::Values(&copying_planner, &moving_planner, &resident_moving_planner));

TEST(ReplanningTest, NobodyGrowsWhileOthersWait) {
    // Before the figures are compared, so that nothing else is a reason.
    const DeepJobOptions options{.steps = static_cast<int>(ReplanPolicy::kFirstComparison) - 1};
    const std::uint64_t need = comfortable(options) + (4 << 20);
    SmallEngine engine(2 * need, real_planner());
    Outcome outcome;
    Extent other = engine.pool.acquire(2 * need - need / 2, {2, 200, "train", "other"}, std::nullopt, nullptr);
    Job job = make_deep_job(options, outcome.losses);
    JobRunner runner(engine.device, engine.arbiter, job, "deep");
    runner.admit(engine.memory, kOwner, std::nullopt, nullptr);
    std::jthread waiter;
    StopFlag stop{false};
    int done = 0;
    runner.run(nullptr, [&] {
        if (++done != 1) return;
        other = Extent();
        waiter = std::jthread([&] {
            try {
                // More than there will be while the job runs.
                engine.pool.acquire(engine.pool.summary().size, {3, 300, "train", "waiter"}, std::nullopt, &stop);
            } catch (const Error&) {
                // Stopped at the end.
            }
        });
        while (!engine.pool.has_waiters())
            std::this_thread::yield();
    });
    EXPECT_EQ(runner.usage().replans, 0U);
    stop = true;
    engine.pool.wake();
    waiter.join();
    EXPECT_EQ(outcome.losses, run_with_room(options).losses);
}

// The steps before the first comparison teach the cost model that a plan was made with made-up times.
TEST(ReplanningTest, AJobIsPlannedAgainWhenItsFiguresWereWrong) {
    DeepJobOptions options;
    options.layers = 8;
    options.batch = 1024;
    options.steps = static_cast<int>(ReplanPolicy::kFirstComparison) + 4;
    const std::uint64_t need = comfortable(options);
    const DeviceRates nonsense{.flops_per_second = 1e6, .bytes_per_second = 1e6, .launch_seconds = 1};
    SmallEngine engine(2 * need, real_planner(), kSpillLimit, nonsense);
    JobUsage usage;
    EXPECT_EQ(engine.run(options, &usage, PoolShare(0.25)), run_with_room(options));
    EXPECT_EQ(usage.replans, 1U);
    engine.expect_empty();
}

TEST(ReplanPolicyTest, EachPlanForGrowthHasAnEighthMore) {
    ReplanPolicy policy;
    policy.planned(800, {});
    EXPECT_FALSE(policy.is_worth_growing(899));
    EXPECT_TRUE(policy.is_worth_growing(900));
    policy.planned(900, {});
    EXPECT_FALSE(policy.is_worth_growing(900));
    policy.planned(100, {});
    EXPECT_FALSE(policy.is_worth_growing(900)) << "tried in vain";
}

TEST(ReplanPolicyTest, FiguresAreComparedEverLessOften) {
    ReplanPolicy policy;
    std::vector<std::uint64_t> times;
    for (std::uint64_t step = 1; step <= 2000; ++step)
        if (policy.is_time_to_compare()) times.push_back(step);
    EXPECT_EQ(times, (std::vector<std::uint64_t>{4, 32, 256}));
}

TEST(ReplanPolicyTest, AFactorOfTwoIsADeparture) {
    ReplanPolicy policy;
    const LinkModel link{1e9, 1e9, 1e9, 0};
    policy.planned(1, {{1, 2, 3}, link});
    EXPECT_FALSE(policy.have_departed({{1.5, 3, 5}, link}));
    EXPECT_TRUE(policy.have_departed({{3, 5, 7}, link}));
    EXPECT_TRUE(policy.have_departed({{0.4, 0.9, 1.4}, link}));
    EXPECT_TRUE(policy.have_departed({{1, 2, 3}, {1e9, 0.4e9, 1e9, 0}}));
    EXPECT_FALSE(policy.have_departed({{1, 2, 3}, {0.6e9, 1e9, 1e9, 0}}));
}

}  // namespace
}  // namespace tensile
