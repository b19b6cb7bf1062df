// The engine's settings as the supervisor sends them. Knows the Configuration message, not where settings are used.
#pragma once

#include <cstdint>
#include <string>

#include "engine/log.h"
#include "protocol/envelope.h"

namespace tensile {

struct Settings {
    std::uint64_t pool_size = std::uint64_t{1} << 30;    // bytes
    std::uint64_t host_memory = std::uint64_t{1} << 30;  // bytes
    std::uint64_t pinned_memory = 0;                     // bytes of host_memory
    std::string spill_directory;                         // empty: the run directory
    std::uint64_t spill_limit = 0;                       // bytes; 0: no swapping
    int threads = 0;                                     // 0: all cores
    std::string device = "auto";
    LogLevel log_level = LogLevel::kLog;
};

Settings settings_from(const protocol::Configuration& configuration);

}  // namespace tensile
