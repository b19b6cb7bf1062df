// What the steps of one job teach the cost model, and what the model expects of them. Reading clocks costs a step more
// than nothing, so after the first steps only some are measured. Used by the thread that runs the job; the model is
// locked once for a measured step. Nothing is allocated by a step.
//
// A time is that from the launch of an op to its return; on an asynchronous device, where that says nothing, the time
// between two events around it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/device.h"
#include "graph/lowered.h"
#include "planner/cost_model.h"

namespace tensile {

// Around one op.
struct OpEvents {
    std::unique_ptr<Event> begin;
    std::unique_ptr<Event> end;
    bool were_recorded = false;
};

// Where the times of ops go while a program runs; of an op that runs again, the first run.
// Measures nothing by default.
class OpTimes {
  public:
    OpTimes() = default;
    // By lowered op; without events by the host's clock.
    explicit OpTimes(std::span<double> seconds, std::span<OpEvents> events) : seconds_(seconds), events_(events) {}

    bool is_measuring() const { return !seconds_.empty(); }

    // Runs `launch` for lowered op `op` on `stream`.
    template <typename Launch>
    LaunchStatus time(std::int32_t op, Stream& stream, const Launch& launch) const {
        if (seconds_.empty()) return launch();
        if (!events_.empty()) {
            OpEvents& events = events_[static_cast<std::size_t>(op)];
            stream.record(*events.begin);
            const LaunchStatus status = launch();
            stream.record(*events.end);
            events.were_recorded = true;
            return status;
        }
        const auto begin = std::chrono::steady_clock::now();
        const LaunchStatus status = launch();
        seconds_[static_cast<std::size_t>(op)] =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        return status;
    }

  private:
    std::span<double> seconds_;
    std::span<OpEvents> events_;
};

class StepCosts {
  public:
    // Steps of each program that are all measured, and every how many-th one is afterwards.
    static constexpr std::uint64_t kMeasuredAtFirst = 8;
    static constexpr std::uint64_t kMeasuredEvery = 16;

    // `device`: an asynchronous one, otherwise null.
    explicit StepCosts(CostModel& model, Device* device = nullptr) : model_(&model), device_(device) {}

    // Programs in the job's order.
    void add(const LoweredProgram& program);

    // By lowered op of a program, as the model expects it now. Any thread, once all programs are added.
    std::vector<double> expected_seconds(std::size_t program) const;
    // What has been learned about the kinds of ops in these programs.
    std::vector<CostFigure> figures(std::size_t limit) const;

    // The times of the next run of a program; learn() hands them over when it is complete.
    OpTimes begin(std::size_t program);
    void learn(std::size_t program);

  private:
    struct Program {
        CostKeys keys;
        std::vector<double> seconds;
        std::vector<OpEvents> events;  // none on a synchronous device
        std::uint64_t runs = 0;
        bool is_measuring = false;
    };
    CostModel* model_;
    Device* device_;
    std::vector<Program> programs_;
};

}  // namespace tensile
