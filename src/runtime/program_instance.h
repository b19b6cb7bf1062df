// One program ready to run at a place in memory: executable, plan, binding, and views of its inputs and outputs. Built
// once, run many times, without allocation per run. Knows plans and devices, no models.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/device.h"
#include "planner/plan.h"

namespace tensile {

// A program lowered and planned: immutable, shared by instances at different addresses.
struct PlannedProgram {
    Program program;
    std::unique_ptr<Executable> executable;
    Plan plan;
    std::vector<std::uint64_t> constant_offsets;  // by lowered tensor, kNoOffset for all but constants
    std::uint64_t constant_bytes = 0;             // placed behind the transient region, or where the caller says
    // By program input, output and variable: the lowered tensor that stores it.
    std::vector<std::int32_t> input_tensors;
    std::vector<std::int32_t> output_tensors;
    std::vector<std::int32_t> variable_tensors;
    std::uint64_t extent_bytes() const { return plan.extent_bytes + constant_bytes; }
};

// Lowers, plans and proves the plan. Throws InternalError when the device's lowering loses an input, output or
// constant.
std::shared_ptr<const PlannedProgram> plan_program(Device& device, Program program, const LoweringOptions& options);

// The view of a whole buffer: extent = capacity.
TensorView view_of(const TensorType& type, std::byte* data);

// Writes zeros over the rows of `tensor` at and beyond `extent` (shape.h: rows beyond the extent are neutral).
void clear_rows_from(const TensorView& tensor, std::int64_t extent) noexcept;

class ProgramInstance {
  public:
    // `transient` has planned->extent_bytes() bytes; variables[i] is the buffer of program.variables()[i].
    ProgramInstance(std::shared_ptr<const PlannedProgram> planned, std::byte* transient,
                    std::span<std::byte* const> variables);
    // The same with the constants at a place of their own, so that programs can share one transient region: `transient`
    // has plan.extent_bytes bytes, `constants` has constant_bytes (null: they lie behind the transient region).
    ProgramInstance(std::shared_ptr<const PlannedProgram> planned, std::byte* transient, std::byte* constants,
                    std::span<std::byte* const> variables);
    ~ProgramInstance();

    std::span<const TensorView> inputs() const { return inputs_; }    // by program input order
    std::span<const TensorView> outputs() const { return outputs_; }  // by program output order; extents set by run()
    std::span<std::int64_t> extents() { return extents_; }
    const PlannedProgram& planned() const { return *planned_; }

    // Clears the rows of bounded inputs that lie at or beyond the extents set.
    void clear_unused_rows() noexcept;
    // Runs every action of the plan on `stream` and waits for the end. Extents keep their values from run to run; they
    // are the capacities at first.
    LaunchStatus run(Stream& stream, const StopFlag* stop);

  private:
    std::shared_ptr<const PlannedProgram> planned_;
    std::unique_ptr<Binding> binding_;
    std::vector<TensorView> inputs_;
    std::vector<TensorView> outputs_;
    std::vector<std::int64_t> extents_;
};

}  // namespace tensile
