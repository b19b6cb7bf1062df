// One program ready to run at a place in memory: executable, plan, binding, and views of its inputs, outputs and
// variables. Built once, run many times, without allocation per run. Knows plans and devices, no models.
#pragma once

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
    std::uint64_t constant_bytes = 0;  // placed behind the transient region
    std::uint64_t extent_bytes() const { return plan.extent_bytes + constant_bytes; }
};

std::shared_ptr<const PlannedProgram> plan_program(Device& device, Program program, const LoweringOptions& options);

class ProgramInstance {
  public:
    // `transient` has planned->extent_bytes() bytes; variables[i] is the buffer of program.variables()[i].
    ProgramInstance(std::shared_ptr<const PlannedProgram> planned, std::byte* transient,
                    std::span<std::byte* const> variables);
    ~ProgramInstance();

    std::span<const TensorView> inputs() const { return inputs_; }    // by program input order
    std::span<const TensorView> outputs() const { return outputs_; }  // by program output order; extents set by run()
    std::span<std::int64_t> extents() { return extents_; }
    const PlannedProgram& planned() const { return *planned_; }

    // Runs every action of the plan on `stream`.
    LaunchStatus run(Stream& stream, const StopFlag* stop);

  private:
    std::shared_ptr<const PlannedProgram> planned_;
    std::unique_ptr<Binding> binding_;
    std::vector<TensorView> inputs_;
    std::vector<TensorView> outputs_;
    std::vector<std::int64_t> extents_;
};

}  // namespace tensile
