// Jobs run to their end in one extent, learn, share programs' transient bytes, can be stopped, and give the same bits
// whoever else uses the device.
#include "runtime/job_runner.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/program_instance.h"
#include "support/fake_device.h"
#include "tensor/error.h"
#include "unit/runtime/linear_job.h"
#include "unit/runtime/moving_plan.h"

namespace tensile {
namespace {

using testing::FakeDevice;

const PoolOwner kOwner{1, 100, "train", "linear"};

struct Outcome {
    LinearJobLog log;
    std::vector<float> weights;
};

// Runs a job on a device that others may use at the same time.
Outcome run_job(Device& device, Arbiter& arbiter, JobMemory& memory, const LinearJobOptions& options) {
    Outcome outcome;
    Job job = make_linear_job(options, outcome.log);
    JobRunner runner(device, arbiter, job, "linear");
    runner.admit(memory, kOwner, std::nullopt, nullptr);
    runner.run(nullptr, {});
    for (std::size_t i = 0; i < job.variables.size(); ++i) {
        std::vector<float> weights(static_cast<std::size_t>(job.variables[i].type.shape.elements()));
        runner.read_variable(static_cast<int>(i), std::as_writable_bytes(std::span(weights)));
        outcome.weights.insert(outcome.weights.end(), weights.begin(), weights.end());
    }
    return outcome;
}

TEST(JobRunner, LearnsAndGivesEverythingBack) {
    FakeDevice device;
    Arbiter arbiter(device);
    TensorPool pool(device, 16 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    LinearJobOptions options;
    options.steps = 200;
    const Outcome outcome = run_job(device, arbiter, memory, options);
    ASSERT_EQ(outcome.log.losses.size(), 200U);
    EXPECT_LT(outcome.log.losses.back(), 0.05F * outcome.log.losses.front());
    EXPECT_EQ(outcome.log.rows_fed[3], 4) << "100 rows in batches of 32";
    EXPECT_EQ(pool.summary().used, 0U);
}

TEST(JobRunner, RepeatsBitForBit) {
    FakeDevice device;
    Arbiter arbiter(device);
    TensorPool pool(device, 16 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    LinearJobOptions options;
    options.two_programs = true;
    const Outcome first = run_job(device, arbiter, memory, options);
    const Outcome second = run_job(device, arbiter, memory, options);
    EXPECT_EQ(first.weights, second.weights);
    EXPECT_EQ(first.log.losses, second.log.losses);
    options.seed = 2;
    EXPECT_NE(run_job(device, arbiter, memory, options).weights, first.weights);
}

TEST(JobRunner, JobsThatShareTheDeviceGiveTheBitsOfJobsAlone) {
    FakeDevice device;
    Arbiter arbiter(device);
    TensorPool pool(device, 16 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    LinearJobOptions left;
    left.steps = 60;
    left.two_programs = true;
    LinearJobOptions right = left;
    right.seed = 7;
    right.capacity = 16;
    const Outcome left_alone = run_job(device, arbiter, memory, left);
    const Outcome right_alone = run_job(device, arbiter, memory, right);
    Outcome left_shared;
    Outcome right_shared;
    {
        std::jthread one([&] { left_shared = run_job(device, arbiter, memory, left); });
        std::jthread other([&] { right_shared = run_job(device, arbiter, memory, right); });
    }
    EXPECT_EQ(left_shared.weights, left_alone.weights);
    EXPECT_EQ(right_shared.weights, right_alone.weights);
    EXPECT_EQ(left_shared.log.losses, left_alone.log.losses);
    EXPECT_EQ(right_shared.log.losses, right_alone.log.losses);
}

TEST(JobRunner, ProgramsShareTheTransientRegion) {
    FakeDevice device;
    Arbiter arbiter(device);
    LinearJobLog log;
    LinearJobOptions options;
    Job small = make_linear_job(options, log);
    options.two_programs = true;
    Job both = make_linear_job(options, log);
    const auto bytes_of = [&](int program) {
        return plan_program(device, both.programs[static_cast<std::size_t>(program)], {})->extent_bytes();
    };
    const JobRunner alone(device, arbiter, small, "one");
    const JobRunner together(device, arbiter, both, "two");
    EXPECT_LT(together.extent_bytes(), alone.extent_bytes() + bytes_of(1));
    EXPECT_GE(together.extent_bytes(), bytes_of(1));
}

TEST(JobRunner, TensorsAreListedWithoutOverlapOfVariablesAndTheRest) {
    FakeDevice device;
    Arbiter arbiter(device);
    LinearJobLog log;
    LinearJobOptions options;
    options.two_programs = true;
    Job job = make_linear_job(options, log);
    const JobRunner runner(device, arbiter, job, "linear");
    std::uint64_t variables_end = 0;
    std::uint64_t others_begin = ~std::uint64_t{0};
    std::set<std::string> kinds;
    for (const TensorRow& row : runner.tensors()) {
        EXPECT_EQ(row.job, "linear");
        ASSERT_TRUE(row.offset);
        EXPECT_LE(*row.offset + row.bytes, runner.extent_bytes());
        kinds.insert(row.kind);
        if (row.kind == "variable") {
            EXPECT_TRUE(row.program.empty());
            variables_end = std::max(variables_end, *row.offset + row.bytes);
        } else {
            EXPECT_TRUE(row.program == "step_32" || row.program == "step_128") << row.program;
            others_begin = std::min(others_begin, *row.offset);
        }
    }
    EXPECT_LE(variables_end, others_begin);
    EXPECT_EQ(kinds, (std::set<std::string>{"variable", "input", "result", "scratch", "constant"}));
}

TEST(JobRunner, StopsWithinAStep) {
    std::atomic<bool> stop{false};
    testing::FakeDeviceOptions device_options;
    int launches = 0;
    device_options.before_launch = [&](const std::string&, int) {
        if (++launches == 30) stop = true;
    };
    FakeDevice device(device_options);
    Arbiter arbiter(device);
    TensorPool pool(device, 16 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    LinearJobLog log;
    {
        Job job = make_linear_job({}, log);
        JobRunner runner(device, arbiter, job, "linear");
        runner.admit(memory, kOwner, std::nullopt, &stop);
        EXPECT_GT(pool.summary().used, 0U);
        try {
            runner.run(&stop, {});
            FAIL() << "the job was not stopped";
        } catch (const Error& error) {
            EXPECT_EQ(error.sqlstate(), sqlstate::kQueryCanceled);
        }
        EXPECT_EQ(launches, 30);
        // The turn is free for others.
        EXPECT_NO_THROW(arbiter.take_turn(nullptr));
    }
    EXPECT_EQ(pool.summary().used, 0U);
}

TEST(JobRunner, CallsBackAfterEachStep) {
    FakeDevice device;
    Arbiter arbiter(device);
    TensorPool pool(device, 16 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    LinearJobLog log;
    Job job = make_linear_job({}, log);
    JobRunner runner(device, arbiter, job, "linear");
    runner.admit(memory, kOwner, std::nullopt, nullptr);
    std::vector<std::size_t> seen;
    runner.run(nullptr, [&] { seen.push_back(log.losses.size()); });
    ASSERT_EQ(seen.size(), 20U);
    EXPECT_EQ(seen.front(), 1U);
    EXPECT_EQ(seen.back(), 20U);
}

TEST(JobRunner, AJobThatDoesNotFitThePoolSaysWhatItNeeds) {
    FakeDevice device;
    Arbiter arbiter(device);
    TensorPool pool(device, 1 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    LinearJobLog log;
    LinearJobOptions options;
    options.capacity = 1 << 16;
    Job job = make_linear_job(options, log);
    JobRunner runner(device, arbiter, job, "linear");
    try {
        runner.admit(memory, kOwner, std::nullopt, nullptr);
        FAIL() << "the job was admitted";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kConfigurationLimitExceeded);
        EXPECT_NE(error.hint().find("tensile.pool_size"), std::string::npos);
    }
    EXPECT_THROW(runner.run(nullptr, {}), InternalError);
}

TEST(JobRunner, UndeclaredVariablesAreADefect) {
    FakeDevice device;
    Arbiter arbiter(device);
    LinearJobLog log;
    Job job = make_linear_job({}, log);
    job.variables.erase(job.variables.begin());
    EXPECT_THROW(JobRunner(device, arbiter, job, "linear"), InternalError);
}

TEST(JobRunner, ContinuesWhereARestoredDriverSays) {
    FakeDevice device;
    Arbiter arbiter(device);
    TensorPool pool(device, 16 << 20);
    JobMemory memory(pool, "", 0, no_planner());
    LinearJobOptions options;
    const Outcome whole = run_job(device, arbiter, memory, options);

    LinearJobOptions half = options;
    half.steps = 10;
    LinearJobLog log;
    Job first = make_linear_job(half, log);
    JobRunner first_runner(device, arbiter, first, "first half");
    first_runner.admit(memory, kOwner, std::nullopt, nullptr);
    first_runner.run(nullptr, {});

    Job second = make_linear_job(options, log);
    second.driver->restore_state(first.driver->save_state());
    for (std::size_t i = 0; i < first.variables.size(); ++i)
        second.variables[i].initialize = [&first_runner, i](const TensorView& view) {
            first_runner.read_variable(static_cast<int>(i), {view.as<std::byte>(), view.type.bytes()});
        };
    JobRunner second_runner(device, arbiter, second, "second half");
    second_runner.admit(memory, kOwner, std::nullopt, nullptr);
    second_runner.run(nullptr, {});
    EXPECT_EQ(log.losses, whole.log.losses);
}

}  // namespace
}  // namespace tensile
