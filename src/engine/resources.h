// What all sessions share: the device and everything that gives out its memory and time.
#pragma once

#include "device/device.h"
#include "engine/log.h"
#include "memory/host_budget.h"
#include "memory/tensor_pool.h"
#include "planner/cost_model.h"
#include "runtime/arbiter.h"
#include "runtime/inference.h"

namespace tensile {

struct Resources {
    Device& device;
    TensorPool& pool;
    HostBudget& host;
    Arbiter& arbiter;
    InferenceCache& models;
    CostModel& costs;
    Log& log;
};

}  // namespace tensile
