// The process's engine as far as jobs need it, on any device: runs the training of a network to its end and reads back
// what tests compare and benchmarks print.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/device.h"
#include "memory/device_bridge.h"
#include "memory/host_budget.h"
#include "runtime/device_calibration.h"
#include "runtime/job_runner.h"
#include "support/network_trainings.h"

namespace tensile::test {

struct TrainingOutcome {
    std::vector<float> losses;
    std::vector<std::byte> variables;  // of the job, one after another
    std::vector<double> step_seconds;
    JobUsage usage;
};

// Bytes with which nothing of the training moves.
inline std::uint64_t comfortable_bytes_of(Device& device, const NetworkTraining& training) {
    Arbiter arbiter(device);
    return JobRunner(device, arbiter, *training.job, training.name).extent_bytes();
}

// One for each device: slab and page-locked memory are taken once. `spill_directory` is where moved tensors go that
// there is no room for in `pinned_bytes`, of which a synchronous device uses none.
class JobEngine {
  public:
    JobEngine(Device& device, std::uint64_t pool_bytes, std::string spill_directory,
              std::uint64_t pinned_bytes = std::uint64_t{64} << 20)
        : device_(device),
          host_(pinned_bytes + kHostBytes),
          pool_(device, pool_bytes),
          bridge_(device.is_synchronous() ? nullptr : std::make_unique<DeviceBridge>(device, host_, pinned_bytes)),
          arbiter_(device),
          memory_(pool_, std::move(spill_directory), kSpillLimit, {minimum_bytes, plan_job},
                  measure_rates(device, pool_), bridge_.get()) {}

    TrainingOutcome run(const NetworkTraining& training, const PoolShare& share = PoolShare()) {
        using Clock = std::chrono::steady_clock;
        TrainingOutcome outcome;
        JobRunner runner(device_, arbiter_, *training.job, training.name);
        runner.admit(memory_, {1, 0, "train", training.name}, std::nullopt, nullptr, share);
        auto begin = Clock::now();
        runner.run(nullptr, [&] {
            const auto end = Clock::now();
            outcome.step_seconds.push_back(std::chrono::duration<double>(end - begin).count());
            begin = end;
        });
        outcome.losses = *training.losses;
        outcome.usage = runner.usage();
        for (std::size_t i = 0; i < training.job->variables.size(); ++i) {
            std::vector<std::byte> content(training.job->variables[i].type.bytes());
            runner.read_variable(static_cast<int>(i), content);
            outcome.variables.insert(outcome.variables.end(), content.begin(), content.end());
        }
        return outcome;
    }

    TensorPool& pool() { return pool_; }
    // Seconds that so many bytes take over the link when nothing is in their way, one direction after the other.
    double transfer_seconds(const MoveCounters& moved) const {
        const LinkModel link = bridge_ != nullptr ? bridge_->link().model() : memory_.link.model();
        const auto seconds = [](std::uint64_t bytes, double rate) {
            return rate > 0 ? static_cast<double>(bytes) / rate : 0;
        };
        return seconds(moved.in_bytes, link.in_bytes_per_second) + seconds(moved.out_bytes, link.out_bytes_per_second);
    }

  private:
    static constexpr std::uint64_t kSpillLimit = std::uint64_t{32} << 30;

    static constexpr std::uint64_t kHostBytes = std::uint64_t{8} << 30;

    Device& device_;
    HostBudget host_;
    TensorPool pool_;
    std::unique_ptr<DeviceBridge> bridge_;  // null where the device is synchronous
    Arbiter arbiter_;
    JobMemory memory_;
};

}  // namespace tensile::test
