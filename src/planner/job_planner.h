// Plans for all programs of a job within one budget: which variables stay in the extent between programs, and for each
// program what is kept, swapped, dropped, read again or computed again. Budgeted, not minimising: a job that fits gets
// plans that move nothing. The result depends on nothing but the request. Knows neither devices nor memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "graph/lowered.h"
#include "planner/link_model.h"
#include "planner/plan.h"

namespace tensile {

struct ProgramTask {
    const LoweredProgram* program = nullptr;
    std::vector<std::int32_t> variables;  // by lowered tensor: the job's variable that it is, or -1
    std::vector<double> op_seconds;       // by lowered op: expected time of one run
    double share = 1;                     // how often it runs, relative to the job's other programs
};

struct JobRequest {
    std::span<const ProgramTask> programs;
    std::span<const std::uint64_t> variable_bytes;  // by variable of the job
    LinkModel link;
};

struct JobPlan {
    std::vector<TensorHome> variable_homes;  // by variable: resident or host
    std::vector<Plan> plans;                 // by program; all have the same state_bytes
    std::uint64_t state_bytes = 0;           // of the resident variables
    std::uint64_t extent_bytes = 0;          // state and the greatest step region
    std::uint64_t host_bytes = 0;            // of the host's copies of all tensors that are ever copied
    double step_seconds = 0;                 // expected, weighted by share, alone on the link
};

// Bytes with which nothing moves: every variable resident and the greatest program in place.
std::uint64_t comfortable_bytes(const JobRequest& request);
// The smallest budget for which plan_job() has an answer.
std::uint64_t minimum_bytes(const JobRequest& request);
// The best plan found for an extent of at most `budget` bytes; nothing below minimum_bytes().
std::optional<JobPlan> plan_job(const JobRequest& request, std::uint64_t budget);

}  // namespace tensile
