// Watches the process's heap while it is armed: how often it is asked, for how much at once, and what stays allocated.
// Every thread and every library counts. Not available under sanitizers, which bring heaps of their own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tensile::testing {

struct HeapTraffic {
    std::uint64_t allocations = 0;
    std::uint64_t largest = 0;  // bytes of the largest single request
    std::int64_t growth = 0;    // bytes allocated less bytes freed
};

bool can_watch_heap();
void start_watching_heap();
HeapTraffic stop_watching_heap();

}  // namespace tensile::testing
