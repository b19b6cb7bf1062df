// What training jobs share beside the pool: the step region, the spill space, the copy lanes and the link; what
// is known of the times of ops; and which planner decides what moves when a job does not fit. One for the engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "memory/copy_lanes.h"
#include "memory/link.h"
#include "memory/spill_file.h"
#include "memory/step_region.h"
#include "memory/tensor_pool.h"
#include "planner/cost_model.h"
#include "planner/job_planner.h"

namespace tensile {

// The functions of planner/job_planner.h, or others that keep the same promises.
struct JobPlanner {
    std::uint64_t (*minimum_bytes)(const JobRequest& request);
    std::optional<JobPlan> (*plan_job)(const JobRequest& request, std::uint64_t budget);
};

struct JobMemory {
    JobMemory(TensorPool& tensor_pool, std::string spill_directory, std::uint64_t spill_limit, JobPlanner job_planner,
              const DeviceRates& rates = {})
        : pool(tensor_pool),
          spill(std::move(spill_directory), spill_limit),
          lanes(link),
          planner(job_planner),
          costs(rates) {}

    TensorPool& pool;
    StepRegion steps;
    SpillSpace spill;
    Link link;
    CopyLanes lanes;
    JobPlanner planner;
    CostModel costs;
};

}  // namespace tensile
