// Jobs that do not fit the pool run all the same: with the bits of jobs that do, alone and beside others; whatever ends
// them, nothing stays in the pool or in the spill file.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "runtime/job_runner.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "unit/runtime/deep_job.h"
#include "unit/runtime/moving_plan.h"

namespace tensile {
namespace {

const PoolOwner kOwner{1, 100, "train", "deep"};
constexpr std::uint64_t kSpillLimit = std::uint64_t{1} << 30;

struct Outcome {
    std::vector<float> losses;
    std::vector<float> weights;
    bool operator==(const Outcome& other) const { return losses == other.losses && weights == other.weights; }
};

JobPlanner real_planner() {
    return {minimum_bytes, plan_job};
}

// The process's engine as far as jobs need it.
struct SmallEngine {
    explicit SmallEngine(std::uint64_t pool_bytes, JobPlanner planner, std::uint64_t spill_limit = kSpillLimit)
        : pool(device, pool_bytes), memory(pool, ::testing::TempDir(), spill_limit, planner) {}

    Outcome run(const DeepJobOptions& options, JobUsage* usage = nullptr) {
        Outcome outcome;
        Job job = make_deep_job(options, outcome.losses);
        JobRunner runner(device, arbiter, job, "deep");
        runner.admit(memory, kOwner, std::nullopt, nullptr);
        runner.run(nullptr, {});
        for (std::size_t i = 0; i < job.variables.size(); ++i) {
            std::vector<float> weights(static_cast<std::size_t>(job.variables[i].type.shape.elements()));
            runner.read_variable(static_cast<int>(i), std::as_writable_bytes(std::span(weights)));
            outcome.weights.insert(outcome.weights.end(), weights.begin(), weights.end());
        }
        if (usage != nullptr) *usage = runner.usage();
        return outcome;
    }
    void expect_empty() {
        EXPECT_EQ(pool.summary().used, 0U);
        EXPECT_EQ(memory.spill.used(), 0U);
        EXPECT_EQ(memory.steps.bytes(), 0U);
    }

    CpuDevice device{2};
    Arbiter arbiter{device};
    TensorPool pool;
    JobMemory memory;
};

std::uint64_t comfortable(const DeepJobOptions& options) {
    CpuDevice device(1);
    Arbiter arbiter(device);
    std::vector<float> losses;
    Job job = make_deep_job(options, losses);
    return JobRunner(device, arbiter, job, "deep").extent_bytes();
}

Outcome run_with_room(const DeepJobOptions& options) {
    SmallEngine engine(256 << 20, no_planner());
    JobUsage usage;
    const Outcome outcome = engine.run(options, &usage);
    EXPECT_EQ(usage.moved.out_bytes, 0U);
    EXPECT_EQ(usage.host_bytes, 0U);
    engine.expect_empty();
    return outcome;
}

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
