// The process's engine as far as jobs need it, on a device whose memory the host cannot reach and whose work completes
// later: the fake plug-in behind the CUDA device. The fake complains of every race and every address that is not the
// device's; the engine's end expects that it has not.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "device/cuda/cuda_device.h"
#include "memory/device_bridge.h"
#include "memory/host_budget.h"
#include "runtime/arbiter.h"
#include "runtime/job_runner.h"
#include "support/fake_plugin.h"
#include "unit/runtime/small_engine.h"

namespace tensile {

inline constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;

struct AsyncEngineOptions {
    std::uint64_t pool_bytes = 64 * kMegabyte;
    JobPlanner planner = real_planner();
    std::uint64_t pinned_bytes = 64 * kMegabyte;
    std::uint64_t spill_limit = kSpillLimit;
    std::uint64_t host_memory = 256 * kMegabyte;
    testing::FakePluginOptions plugin = {};
};

struct AsyncEngine {
    explicit AsyncEngine(const AsyncEngineOptions& options = {})
        : plugin(options.plugin),
          device(std::make_unique<CudaDevice>(plugin.as_library(), CudaDeviceOptions{0, 2, {}})),
          host(options.host_memory),
          pool(*device, options.pool_bytes),
          bridge(std::in_place, *device, host, options.pinned_bytes),
          memory(std::in_place, pool, ::testing::TempDir(), options.spill_limit, options.planner, DeviceRates{},
                 &*bridge),
          arbiter(std::in_place, *device) {}
    ~AsyncEngine() {
        arbiter.reset();
        memory.reset();
        bridge.reset();
        device.reset();
        EXPECT_THAT(plugin.complaints(), ::testing::IsEmpty());
    }
    AsyncEngine(const AsyncEngine&) = delete;
    AsyncEngine& operator=(const AsyncEngine&) = delete;

    Outcome run(const DeepJobOptions& options, JobUsage* usage = nullptr, const StopFlag* stop = nullptr) {
        Outcome outcome;
        Job job = make_deep_job(options, outcome.losses);
        JobRunner runner(*device, *arbiter, job, "deep");
        runner.admit(*memory, kOwner, std::nullopt, stop);
        runner.run(stop, {});
        outcome.weights = SmallEngine::weights_of(runner, job);
        if (usage != nullptr) *usage = runner.usage();
        return outcome;
    }
    // Nothing of jobs is left. Lanes keep their buffers.
    void expect_empty() {
        EXPECT_EQ(pool.summary().used, 0U);
        EXPECT_EQ(memory->spill.used(), 0U);
        EXPECT_EQ(memory->steps.bytes(), 0U);
        for (const PinnedArena::Row& row : bridge->arena().rows())
            EXPECT_EQ(row.owner, "spill files");
    }

    testing::FakePlugin plugin;
    std::unique_ptr<CudaDevice> device;
    HostBudget host;
    TensorPool pool;
    std::optional<DeviceBridge> bridge;
    std::optional<JobMemory> memory;
    std::optional<Arbiter> arbiter;
};

}  // namespace tensile
