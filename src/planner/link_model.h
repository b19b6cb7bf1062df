// What a planner assumes of the link between the device and the host's tier: a disk, PCIe, or memory. Measured by the
// runtime; never needed for a plan to be safe, only for it to be fast.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tensile {

struct LinkModel {
    double in_bytes_per_second = 0;     // host to device, alone
    double out_bytes_per_second = 0;    // device to host, alone
    double total_bytes_per_second = 0;  // both together: PCIe in + out, a disk no more than one of them
    double latency_seconds = 0;         // of one copy

    double in_seconds(std::uint64_t bytes) const {
        return latency_seconds + static_cast<double>(bytes) / in_bytes_per_second;
    }
    double out_seconds(std::uint64_t bytes) const {
        return latency_seconds + static_cast<double>(bytes) / out_bytes_per_second;
    }
    // Whether one direction slows down the other one.
    bool is_shared() const { return total_bytes_per_second < 0.99 * (in_bytes_per_second + out_bytes_per_second); }
};

}  // namespace tensile
