// The plan of a job as rows for people (tensile.explain_plan): names instead of indices. Knows plans, no jobs or
// sessions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/lowered.h"
#include "planner/link_model.h"
#include "planner/plan.h"

namespace tensile {

// One tensor of one program; figures as in planner/plan_summary.h.
struct PlanRow {
    std::string program;
    std::string tensor;
    std::string kind;  // variable, input, result, constant
    std::uint64_t bytes = 0;
    std::string decision;  // keep, swap, drop, recompute, away
    std::int32_t stays = 0;
    std::uint64_t copied_out = 0;
    std::uint64_t copied_in = 0;
    std::optional<double> copy_seconds;
    double recompute_seconds = 0;
    std::string first_op;  // empty: no op uses the tensor
    std::string last_op;
};

// Appends the rows of one program. `op_seconds`: by lowered op.
void append_plan_rows(std::vector<PlanRow>& rows, const LoweredProgram& program, const Plan& plan,
                      const LinkModel& link, std::span<const double> op_seconds);

// Keeps `limit` rows, in their order: first those whose tensors do not stay, then those of most bytes.
void keep_telling_rows(std::vector<PlanRow>& rows, std::size_t limit);

}  // namespace tensile
