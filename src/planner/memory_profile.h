// Live bytes at each position of a sequence: adding to a range and finding where there is no room, both in logarithmic
// time, by a segment tree of maxima. Pure arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tensile {

class MemoryProfile {
  public:
    explicit MemoryProfile(std::span<const std::int64_t> bytes);

    // To all positions in [first, last].
    void add(std::int32_t first, std::int32_t last, std::int64_t bytes);
    // The last position in [first, last] with more than `bytes`; first - 1 when there is none.
    std::int32_t last_above(std::int32_t first, std::int32_t last, std::int64_t bytes) const;

  private:
    // The greatest value below a node is its `most`, its own `added` included.
    struct Node {
        std::int64_t most = 0;
        std::int64_t added = 0;
    };
    struct Range {
        std::int32_t first;
        std::int32_t last;
    };

    void add(std::size_t node, Range covered, Range range, std::int64_t bytes);
    std::int32_t last_above(std::size_t node, Range covered, Range range, std::int64_t bytes) const;

    std::int32_t size_ = 1;  // of the lowest level: a power of two
    std::vector<Node> nodes_;
};

}  // namespace tensile
