// What training jobs share beside the pool: the step region, the tiers of host copies (on an asynchronous device the
// pinned arena, and the spill space on every device), the copy lanes and the links; what is known of the times of ops;
// and which planner decides what moves when a job does not fit. One for the engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "memory/copy_lanes.h"
#include "memory/device_bridge.h"
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

// Where host copies of a job may live, as its plans are made for it.
struct HostTier {
    LinkModel link;           // to it; unknown where nothing may be copied
    std::uint64_t limit = 0;  // of the host copies' bytes
    bool is_pinned = false;
};

struct JobMemory {
    // `device_bridge`: of an asynchronous device, otherwise null. Its link is measured here, with bytes of the pool.
    JobMemory(TensorPool& tensor_pool, std::string spill_directory, std::uint64_t spill_limit, JobPlanner job_planner,
              const DeviceRates& rates = {}, DeviceBridge* device_bridge = nullptr)
        : pool(tensor_pool),
          bridge(device_bridge),
          spill(std::move(spill_directory), spill_limit),
          lanes(link, bridge),
          planner(job_planner),
          costs(rates) {
        if (bridge != nullptr) bridge->measure_link(pool);
    }

    HostTier spill_tier() const { return {link.model(), link.is_measured() ? spill.limit() : 0, false}; }
    // What of the arena is free now, in one piece.
    HostTier pinned_tier() const {
        if (bridge == nullptr || !bridge->link().is_measured()) return {{}, 0, true};
        return {bridge->link().model(), bridge->arena().largest_free(), true};
    }

    TensorPool& pool;
    DeviceBridge* bridge;
    StepRegion steps;
    SpillSpace spill;
    Link link;  // to the spill space
    CopyLanes lanes;
    JobPlanner planner;
    CostModel costs;
};

}  // namespace tensile
