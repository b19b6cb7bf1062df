// The settings `tensile.*`. None needs a restart, so the library may be loaded at any time; those of the engine are
// read by the supervisor only, which passes them on. Knows nothing of what they mean to the engine.
#pragma once

#include "pg/cpp_only.h"

#include <cstdint>
#include <string>

namespace tensile {

// The engine-wide settings (SIGHUP).
struct EngineSettings {
    std::uint64_t pool_size = 0;      // bytes
    std::uint64_t host_memory = 0;    // bytes
    std::uint64_t pinned_memory = 0;  // bytes of them
    std::string spill_directory;      // empty: in the run directory
    std::uint64_t spill_limit = 0;    // bytes
    int threads = 0;                  // 0: all cores
    std::string device;               // auto, cpu, cuda:N
    std::string log_level;            // DEBUG1, LOG, WARNING

    bool operator==(const EngineSettings&) const = default;
};

// Defines the settings and reserves their prefix. Called once, when the library is loaded.
void define_settings();

EngineSettings engine_settings();

// tensile.queue_timeout as the protocol wants it: milliseconds, -1 for no limit.
std::int32_t queue_timeout_ms();

// tensile.max_pool_share: in 0.01 to 1.
double max_pool_share();

}  // namespace tensile
