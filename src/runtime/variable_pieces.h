// The variables of a job in the units in which plans move them: whole ones, or the slices of one that a device stores
// in slices. Says which variables may be sliced, and which lowered tensor of each program is which piece. Knows neither
// plans nor memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/device.h"
#include "graph/job.h"
#include "runtime/program_instance.h"

namespace tensile {

// A program of a job, lowered.
struct JobProgram {
    std::shared_ptr<PlannedProgram> planned;
    // By planned->variable_tensors: the job's piece that it stores.
    std::vector<std::size_t> pieces;
};

struct VariablePiece {
    std::size_t variable = 0;  // of the job
    std::uint64_t offset = 0;  // in the variable's content
    std::uint64_t bytes = 0;
};

// Of the job's programs lowered with other options, those that slice what no program needs in one piece. The slices are
// so large that a job has few of them.
LoweringOptions sliced(LoweringOptions options, const Job& job, const Program& program);

// The pieces of all variables, by variable and offset; sets those of each program. Throws InternalError when a program
// uses a variable that the job does not declare with that type, or two programs cut one differently.
std::vector<VariablePiece> assign_pieces(const Job& job, std::span<JobProgram> programs);

}  // namespace tensile
