// One program ready to run at a place in memory: executable, plan, binding, and views of its inputs and outputs. Built
// once, run many times, without allocation per run. A plan that moves nothing is a plain loop over its ops; all others
// are run by a PlanExecutor. On an asynchronous device inputs and outputs are buffers of the host, which a run copies
// in at its beginning and out at its end. Knows plans and devices, no models.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/device.h"
#include "memory/device_bridge.h"
#include "planner/plan.h"
#include "runtime/instance_staging.h"
#include "runtime/plan_executor.h"
#include "runtime/step_costs.h"

namespace tensile {

// A program lowered and planned: immutable, shared by instances at different addresses.
struct PlannedProgram {
    Program program;
    std::unique_ptr<Executable> executable;
    Plan plan;
    std::vector<std::uint64_t> constant_offsets;  // by lowered tensor, kNoOffset for all but constants
    std::uint64_t constant_bytes = 0;             // placed behind the plan's extent, or where the caller says
    // By program input and output: the lowered tensor that stores it.
    std::vector<std::int32_t> input_tensors;
    std::vector<std::int32_t> output_tensors;
    // By program variable: the lowered tensor that stores it; of one stored in slices, those one after another.
    std::vector<std::int32_t> variable_tensors;
    std::uint64_t extent_bytes() const { return plan.extent_bytes + constant_bytes; }
};

// Lowers; the plan is still empty. Throws InternalError when the device's lowering loses an input, output or constant.
std::shared_ptr<PlannedProgram> prepare_program(Device& device, Program program, const LoweringOptions& options);
// Lowers, plans in place and proves the plan.
std::shared_ptr<const PlannedProgram> plan_program(Device& device, Program program, const LoweringOptions& options);

// The view of a whole buffer: extent = capacity.
TensorView view_of(const TensorType& type, std::byte* data);

// Writes zeros over the rows of `tensor` at and beyond `extent` (shape.h: rows beyond the extent are neutral).
void clear_rows_from(const TensorView& tensor, std::int64_t extent) noexcept;

// Where a program's tensors lie.
struct InstancePlaces {
    ExtentParts extent;
    std::byte* constants = nullptr;  // PlannedProgram::constant_bytes
    // By PlannedProgram::variable_tensors; null for those that have a home in the plan.
    std::span<std::byte* const> variables;
    DeviceBridge* bridge = nullptr;  // of an asynchronous device
};

class ProgramInstance {
  public:
    // `transient` has planned->extent_bytes() bytes; variables[i] is the buffer of program.variables()[i], of which
    // none is sliced. `bridge`: of an asynchronous device, otherwise null; outlives the instance.
    ProgramInstance(std::shared_ptr<const PlannedProgram> planned, std::byte* transient,
                    std::span<std::byte* const> variables, DeviceBridge* bridge = nullptr);
    // The parts apart, so that programs can share them. `copies` is needed by plans that copy or run ops again.
    ProgramInstance(std::shared_ptr<const PlannedProgram> planned, const InstancePlaces& places,
                    const HostCopies* copies);
    ~ProgramInstance();

    std::span<const TensorView> inputs() const { return inputs_; }    // by program input order
    std::span<const TensorView> outputs() const { return outputs_; }  // by program output order; extents set by run()
    std::span<std::int64_t> extents() { return extents_; }
    const PlannedProgram& planned() const { return *planned_; }

    // Clears the rows of bounded inputs that lie at or beyond the extents set.
    void clear_unused_rows() noexcept;
    // Before inputs are written: waits for the copies of the last run that still read them. Staged inputs are free.
    LaunchStatus wait_for_feed(const StopFlag* stop) {
        return executor_ && !on_device_ ? executor_->wait_for_feed(stop) : LaunchStatus::kCompleted;
    }
    // Runs the plan on `stream` and waits for the end of its ops. Extents keep their values from run to run; they are
    // the capacities at first. After kStopped or an error of a plan that copies the instance cannot be run again.
    LaunchStatus run(Stream& stream, const StopFlag* stop, const OpTimes& times = {});

    // Copies out may be under way when a run ends: waits for them, or gives them up.
    LaunchStatus drain(const StopFlag* stop) { return executor_ ? executor_->drain(stop) : LaunchStatus::kCompleted; }
    void cancel() noexcept {
        if (executor_) executor_->cancel();
    }
    // The step region lies at another address from now on; its content is lost. Only while drained.
    void set_step_region(std::byte* step);
    MoveCounters counters() const noexcept { return executor_ ? executor_->counters() : MoveCounters(); }

  private:
    // What an asynchronous device needs in addition.
    struct OnDevice {
        InstanceStaging staging;
        std::vector<std::int32_t> ops;  // of a plan that moves nothing, in its order
    };
    std::byte* place_address(std::int32_t place) const;
    void write_constants(const InstancePlaces& places);
    void find_inputs_and_outputs();
    void make_executor(const HostCopies& copies, DeviceBridge* bridge);
    LaunchStatus run_in_place(Stream& stream, const LaunchContext& context, const OpTimes& times);
    LaunchStatus run_on_device(Stream& stream, const LaunchContext& context, const OpTimes& times);
    LaunchStatus launch_one_by_one(Stream& stream, const LaunchContext& context, const OpTimes& times);

    std::shared_ptr<const PlannedProgram> planned_;
    ExtentParts extent_;
    std::vector<std::byte*> outside_;      // by lowered tensor: the address of those outside the plan's extent
    std::unique_ptr<OnDevice> on_device_;  // null on a synchronous device; its list of ops outlives the binding
    std::unique_ptr<Binding> binding_;
    std::unique_ptr<PlanExecutor> executor_;  // null when the plan moves nothing
    std::vector<TensorView> inputs_;
    std::vector<TensorView> outputs_;
    std::vector<std::int64_t> extents_;
};

}  // namespace tensile
