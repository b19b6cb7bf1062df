// How much memory the engine gives itself: what the settings ask for, as far as the machine, the control group and the
// device have it. Knows no pool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "device/device.h"
#include "engine/log.h"
#include "engine/settings.h"

namespace tensile {

struct EngineBudgets {
    std::uint64_t pool = 0;    // bytes, of the device's memory where it has its own
    std::uint64_t host = 0;    // bytes
    std::uint64_t pinned = 0;  // bytes of `host`; 0 where the pool is host memory
};

// `limit`: what this process may use of the machine's memory, see memory_limit(). The CPU's pool and the host budget
// share it; a pool on a device must fit into what is free there instead. What is given less than was asked for is told
// to the log.
EngineBudgets budgets_for(const Settings& settings, const std::optional<DeviceHardware>& device,
                          std::optional<std::uint64_t> limit, Log& log);

// What a new tensile.host_memory gives while the pool and the pinned memory stay as `given` has them. `pool_is_host`:
// the pool takes its part of `limit` too. Less than was asked for is told to the log.
std::uint64_t host_budget_beside(const EngineBudgets& given, const Settings& settings, bool pool_is_host,
                                 std::optional<std::uint64_t> limit, Log& log);

// Throws Error 53200 when there is no room on the device for the least pool that tensile.pool_size allows.
void require_room_for_pool(const DeviceHardware& device);

// Whole megabytes, for the log: "1024 MB".
std::string in_megabytes(std::uint64_t bytes);

}  // namespace tensile
