// Offline dynamic storage allocation: intervals of time with sizes become offsets in one extent.
//
// The problem is NP-hard; greedy placement by size comes within a few per cent of the lower bound, and meets it for
// training programs. A few fixed orders and ways of choosing a gap are tried and the smallest result is kept. Pure
// arithmetic: knows no programs, plans or memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tensile {

// One block: needed at every time in [first, last].
struct TimedBlock {
    std::int32_t first = 0;
    std::int32_t last = 0;
    std::uint64_t bytes = 0;
};

struct OffsetAssignment {
    std::vector<std::uint64_t> offsets;  // by request
    std::uint64_t extent_bytes = 0;
    std::uint64_t peak_bytes = 0;  // greatest sum of bytes needed at one time: no placement can do better
};

// Sizes are rounded up to `alignment`, and offsets are multiples of it.
OffsetAssignment assign_offsets(std::span<const TimedBlock> requests, std::uint64_t alignment);

}  // namespace tensile
