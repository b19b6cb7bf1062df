// The process's engine as far as jobs need it, and deep jobs run in it with all variables read back: what tests of
// pressure compare bit for bit.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "device/cpu/cpu_device.h"
#include "runtime/job_runner.h"
#include "unit/runtime/deep_job.h"
#include "unit/runtime/moving_plan.h"

namespace tensile {

inline const PoolOwner kOwner{1, 100, "train", "deep"};
inline constexpr std::uint64_t kSpillLimit = std::uint64_t{1} << 30;

struct Outcome {
    std::vector<float> losses;
    std::vector<float> weights;
    bool operator==(const Outcome& other) const { return losses == other.losses && weights == other.weights; }
};

inline JobPlanner real_planner() {
    return {minimum_bytes, plan_job};
}

struct SmallEngine {
    explicit SmallEngine(std::uint64_t pool_bytes, JobPlanner planner, std::uint64_t spill_limit = kSpillLimit,
                         const DeviceRates& rates = {})
        : pool(device, pool_bytes), memory(pool, ::testing::TempDir(), spill_limit, planner, rates) {}

    Outcome run(const DeepJobOptions& options, JobUsage* usage = nullptr, const PoolShare& share = PoolShare()) {
        Outcome outcome;
        Job job = make_deep_job(options, outcome.losses);
        JobRunner runner(device, arbiter, job, "deep");
        runner.admit(memory, kOwner, std::nullopt, nullptr, share);
        runner.run(nullptr, {});
        outcome.weights = weights_of(runner, job);
        if (usage != nullptr) *usage = runner.usage();
        return outcome;
    }
    static std::vector<float> weights_of(JobRunner& runner, const Job& job) {
        std::vector<float> all;
        for (std::size_t i = 0; i < job.variables.size(); ++i) {
            std::vector<float> weights(static_cast<std::size_t>(job.variables[i].type.shape.elements()));
            runner.read_variable(static_cast<int>(i), std::as_writable_bytes(std::span(weights)));
            all.insert(all.end(), weights.begin(), weights.end());
        }
        return all;
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

inline std::uint64_t comfortable(const DeepJobOptions& options) {
    CpuDevice device(1);
    Arbiter arbiter(device);
    std::vector<float> losses;
    Job job = make_deep_job(options, losses);
    return JobRunner(device, arbiter, job, "deep").extent_bytes();
}

inline Outcome run_with_room(const DeepJobOptions& options) {
    SmallEngine engine(256 << 20, no_planner());
    JobUsage usage;
    const Outcome outcome = engine.run(options, &usage);
    EXPECT_EQ(usage.moved.out_bytes, 0U);
    EXPECT_EQ(usage.host_bytes, 0U);
    engine.expect_empty();
    return outcome;
}

}  // namespace tensile
