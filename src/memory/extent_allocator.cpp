// Best fit with neighbour merge; see extent_allocator.h.
#include "memory/extent_allocator.h"

#include <algorithm>

#include "tensor/error.h"

namespace tensile {

namespace {

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t granule) {
    return (bytes + granule - 1) / granule * granule;
}

}  // namespace

ExtentAllocator::ExtentAllocator(std::uint64_t bytes) : bytes_(bytes / kSmallGranule * kSmallGranule) {
    if (bytes_ > 0) gaps_[0] = bytes_;
}

std::uint64_t ExtentAllocator::rounded(std::uint64_t bytes, std::uint64_t limit) {
    if (bytes > limit) return bytes;  // cannot be had; adding to it could overflow
    if (bytes >= kLargeFrom) {
        const std::uint64_t large = round_up(bytes, kLargeGranule);
        if (large <= limit) return large;
    }
    return std::max(round_up(bytes, kSmallGranule), kSmallGranule);
}

std::optional<std::uint64_t> ExtentAllocator::allocate(std::uint64_t rounded) {
    const bool is_large = rounded >= kLargeFrom;
    auto best = gaps_.end();
    for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
        if (gap->second < rounded) continue;
        // Among equal gaps large extents take the lowest and small ones the highest.
        if (best == gaps_.end() || gap->second < best->second || (!is_large && gap->second == best->second)) best = gap;
    }
    if (best == gaps_.end()) return std::nullopt;
    const auto [gap_offset, gap_bytes] = *best;
    std::uint64_t offset = gap_offset;
    if (is_large) {
        // On a large page where the gap allows it.
        const std::uint64_t aligned = round_up(gap_offset, kLargeGranule);
        if (aligned - gap_offset + rounded <= gap_bytes) offset = aligned;
    } else {
        offset = gap_offset + gap_bytes - rounded;
    }
    gaps_.erase(best);
    if (offset > gap_offset) gaps_[gap_offset] = offset - gap_offset;
    const std::uint64_t end = offset + rounded;
    if (end < gap_offset + gap_bytes) gaps_[end] = gap_offset + gap_bytes - end;
    return offset;
}

void ExtentAllocator::free(std::uint64_t offset, std::uint64_t rounded) {
    auto next = gaps_.lower_bound(offset);
    if ((next != gaps_.end() && next->first < offset + rounded) || offset + rounded > bytes_)
        throw InternalError("an extent is freed that was not in use");
    if (next != gaps_.end() && next->first == offset + rounded) {
        rounded += next->second;
        next = gaps_.erase(next);
    }
    if (next != gaps_.begin()) {
        const auto previous = std::prev(next);
        if (previous->first + previous->second > offset) throw InternalError("an extent is freed that was not in use");
        if (previous->first + previous->second == offset) {
            previous->second += rounded;
            return;
        }
    }
    gaps_[offset] = rounded;
}

std::uint64_t ExtentAllocator::extend(std::uint64_t end, std::uint64_t more) {
    const auto gap = gaps_.find(end);
    if (gap == gaps_.end()) return 0;
    const std::uint64_t gap_bytes = gap->second;
    const std::uint64_t taken = std::min(gap_bytes, more / kSmallGranule * kSmallGranule);
    if (taken == 0) return 0;
    gaps_.erase(gap);
    if (taken < gap_bytes) gaps_[end + taken] = gap_bytes - taken;
    return taken;
}

std::uint64_t ExtentAllocator::largest_gap() const {
    std::uint64_t largest = 0;
    for (const auto& [offset, bytes] : gaps_)
        largest = std::max(largest, bytes);
    return largest;
}

}  // namespace tensile
