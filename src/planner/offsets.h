// Offline dynamic storage allocation: intervals of time with sizes become offsets in one extent.
//
// The problem is NP-hard. Placement in order of time, long stays from the bottom and short ones from the top, is within
// a few per cent of the lower bound for training programs and takes a time near n log n; greedy placement by size is
// tried where that fails. A few fixed ways are tried and the smallest result is kept. Pure arithmetic: knows no
// programs, plans or memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tensile {

// One block: needed at every time in [first, last].
struct TimedBlock {
    static constexpr std::uint64_t kAnywhere = ~std::uint64_t{0};

    std::int32_t first = 0;
    std::int32_t last = 0;
    std::uint64_t bytes = 0;
    std::uint64_t alignment = 0;             // 0: that of all blocks; otherwise a multiple of it
    std::uint64_t fixed_offset = kAnywhere;  // of blocks that have their place already
};

struct OffsetRules {
    std::uint64_t alignment = 1;  // sizes are rounded up to it, and offsets are multiples of it
    std::uint64_t border = 0;     // no block that is not fixed lies on both sides of it; fixed ones end at or before it
    // The first placement within so many bytes is taken. Without a limit the smallest of all ways is.
    std::uint64_t limit = ~std::uint64_t{0};
};

struct OffsetAssignment {
    std::vector<std::uint64_t> offsets;  // by request
    std::uint64_t extent_bytes = 0;      // may exceed the limit: then nothing was found within it
    std::uint64_t peak_bytes = 0;        // greatest sum of bytes needed at one time: no placement can do better
};

OffsetAssignment assign_offsets(std::span<const TimedBlock> requests, const OffsetRules& rules);

}  // namespace tensile
