// The segment tree; see memory_profile.h.
#include "planner/memory_profile.h"

#include <algorithm>
#include <limits>

namespace tensile {

MemoryProfile::MemoryProfile(std::span<const std::int64_t> bytes) {
    while (static_cast<std::size_t>(size_) < bytes.size())
        size_ *= 2;
    const auto leaves = static_cast<std::size_t>(size_);
    nodes_.resize(2 * leaves);
    for (std::size_t i = 0; i < leaves; ++i)
        nodes_[leaves + i].most = i < bytes.size() ? bytes[i] : std::numeric_limits<std::int64_t>::min() / 2;
    for (std::size_t node = leaves; node-- > 1;)
        nodes_[node].most = std::max(nodes_[2 * node].most, nodes_[2 * node + 1].most);
}

void MemoryProfile::add(std::int32_t first, std::int32_t last, std::int64_t bytes) {
    if (first <= last) add(1, {0, size_ - 1}, {first, last}, bytes);
}

std::int32_t MemoryProfile::last_above(std::int32_t first, std::int32_t last, std::int64_t bytes) const {
    return first <= last ? std::max(last_above(1, {0, size_ - 1}, {first, last}, bytes), first - 1) : first - 1;
}

void MemoryProfile::add(std::size_t node, Range covered, Range range, std::int64_t bytes) {
    if (range.last < covered.first || covered.last < range.first) return;
    if (range.first <= covered.first && covered.last <= range.last) {
        nodes_[node].most += bytes;
        nodes_[node].added += bytes;
        return;
    }
    const std::int32_t middle = (covered.first + covered.last) / 2;
    add(2 * node, {covered.first, middle}, range, bytes);
    add(2 * node + 1, {middle + 1, covered.last}, range, bytes);
    nodes_[node].most = std::max(nodes_[2 * node].most, nodes_[2 * node + 1].most) + nodes_[node].added;
}

std::int32_t MemoryProfile::last_above(std::size_t node, Range covered, Range range, std::int64_t bytes) const {
    constexpr std::int32_t kNone = -1;
    if (range.last < covered.first || covered.last < range.first || nodes_[node].most <= bytes) return kNone;
    if (covered.first == covered.last) return covered.first;
    const std::int32_t middle = (covered.first + covered.last) / 2;
    const std::int64_t below = bytes - nodes_[node].added;
    const std::int32_t right = last_above(2 * node + 1, {middle + 1, covered.last}, range, below);
    return right != kNone ? right : last_above(2 * node, {covered.first, middle}, range, below);
}

}  // namespace tensile
