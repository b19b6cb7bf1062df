// What a running job has of the pool and what running in less than it would like costs it; shown in tensile.pool.
#pragma once

#include <cstdint>

namespace tensile {

struct JobUsage {
    std::uint64_t state_bytes = 0;        // of its extent: kept also between its programs
    std::uint64_t step_bytes = 0;         // of its extent: used by a running program only
    std::uint64_t comfortable_bytes = 0;  // with which nothing would move
    std::uint64_t resident_bytes = 0;     // of variables and constants that stay in the extent
    std::uint64_t swapped_bytes = 0;      // copied out and in so far
    double recompute_seconds = 0;         // spent on ops that ran again
    double stall_seconds = 0;             // spent waiting for copies
};

}  // namespace tensile
