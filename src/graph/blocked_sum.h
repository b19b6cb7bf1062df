// The order in which reductions over many items add up, so that the reference and the devices round alike.
//
// Items are rows (column sums, moments) or row-major elements (sums to a scalar). They are cut into blocks of
// kSumBlock; each block is summed by itself, first item first, and the block sums are added up, first block first. A
// device may spread one block over vector lanes but must not move items between blocks.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tensile {

inline constexpr std::int64_t kSumBlock = 256;

// Sum of term(0) ... term(count - 1).
template <typename T, typename Term>
T blocked_sum(std::int64_t count, Term term) {
    T total = 0;
    for (std::int64_t begin = 0; begin < count; begin += kSumBlock) {
        const std::int64_t end = std::min(begin + kSumBlock, count);
        T block = 0;
        for (std::int64_t i = begin; i < end; ++i)
            block += term(i);
        total += block;
    }
    return total;
}

}  // namespace tensile
