// What all sessions share: the device and everything that gives out its memory and time.
#pragma once

#include "device/device.h"
#include "engine/log.h"
#include "memory/host_budget.h"
#include "memory/tensor_pool.h"
#include "runtime/arbiter.h"
#include "runtime/inference.h"
#include "runtime/job_memory.h"

namespace tensile {

struct Resources {
    Device& device;
    TensorPool& pool;
    JobMemory& jobs;
    HostBudget& host;
    Arbiter& arbiter;
    InferenceCache& models;
    Log& log;
};

}  // namespace tensile
