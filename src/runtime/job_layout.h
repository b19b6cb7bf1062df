// Where everything of a job lies: variables and constants in its state, programs' tensors in the step region, host
// copies in its host store. Pure arithmetic over plans; takes no memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "planner/cost_model.h"
#include "planner/job_planner.h"
#include "planner/plan.h"
#include "runtime/variable_pieces.h"

namespace tensile {

struct JobLayout {
    std::vector<TensorHome> homes;         // by piece of the job's variables; resident offsets are within the state
    std::vector<std::uint64_t> constants;  // by program: offset of its constants in the state
    std::vector<Plan> plans;               // by program
    std::uint64_t state_bytes = 0;         // resident variables and constants
    std::uint64_t step_bytes = 0;          // the greatest step region, and room to initialize any variable
    // In the host store: pieces at home there, then the copies that live within one execution, for which the programs
    // share the same bytes, since they do not run at once.
    std::vector<std::uint64_t> piece_copies;                // by piece; kNoOffset for resident ones
    std::vector<std::vector<std::uint64_t>> tensor_copies;  // by program and lowered tensor; kNoOffset: never copied
    std::uint64_t host_bytes = 0;

    double step_seconds = 0;  // as the planner expects a step to take; 0 where no planner was asked

    std::uint64_t extent_bytes() const { return state_bytes + step_bytes; }
    // What the pool must give for both, cut apart.
    std::uint64_t pool_bytes() const;
};

// Where an extent can be cut behind at least `bytes`.
std::uint64_t cut_size(std::uint64_t bytes);

// Nothing moves; variables lie outside the plans, one after another.
JobLayout lay_out_in_place(std::span<const JobProgram> programs, std::span<const VariablePiece> pieces);
// As planned; constants behind the plan's state.
JobLayout lay_out_planned(std::span<const JobProgram> programs, std::span<const VariablePiece> pieces, JobPlan plan);

// The pieces of one variable: [begin, end).
struct PieceRange {
    std::size_t begin = 0;
    std::size_t end = 0;
};
PieceRange pieces_of(std::span<const VariablePiece> pieces, std::size_t variable);
// Whether a variable lies in the state in one piece, so that it can be read and written there as a whole.
bool is_in_one_place(const JobLayout& layout, std::span<const VariablePiece> pieces, const PieceRange& range);

// What a planner is asked. Owns what the request points to.
class JobQuestion {
  public:
    JobQuestion(std::span<const JobProgram> programs, std::span<const VariablePiece> pieces, const LinkModel& link,
                CostModel& costs);
    JobQuestion(const JobQuestion&) = delete;
    JobQuestion& operator=(const JobQuestion&) = delete;
    const JobRequest& request() const { return request_; }

  private:
    std::vector<ProgramTask> tasks_;
    std::vector<std::uint64_t> piece_bytes_;
    JobRequest request_;
};

}  // namespace tensile
