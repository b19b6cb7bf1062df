// Measures what a device does when nothing is in its way, for the cost model's prior: one product that is bound by
// arithmetic, one sum that is bound by memory, and one op that does next to nothing. Takes a few milliseconds.
#pragma once

#include "device/device.h"
#include "memory/tensor_pool.h"
#include "planner/cost_model.h"

namespace tensile {

// Takes bytes from the pool for as long as it measures; where they are not free, the rates are DeviceRates' defaults.
DeviceRates measure_rates(Device& device, TensorPool& pool);

}  // namespace tensile
