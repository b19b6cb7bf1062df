// Where extents lie inside the slab: best fit over free gaps that merge with their neighbours.
//
// Large extents are cut in big granules from the low end of a gap, small ones in small granules from the high end, so
// that the two kinds stay apart and small extents do not split the space that large ones need. Pure arithmetic on
// offsets; not thread-safe; knows no device or owner.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace tensile {

class ExtentAllocator {
  public:
    static constexpr std::uint64_t kSmallGranule = 64 * 1024;
    static constexpr std::uint64_t kLargeGranule = 2 * 1024 * 1024;
    // From here on the large granule wastes at most an eighth.
    static constexpr std::uint64_t kLargeFrom = 8 * kLargeGranule;

    // `bytes` is rounded down to whole small granules.
    explicit ExtentAllocator(std::uint64_t bytes);

    // What a request of `bytes` really takes when no more than `limit` may be used.
    static std::uint64_t rounded(std::uint64_t bytes, std::uint64_t limit);

    // An offset for `rounded` bytes (a result of rounded()); nothing when no gap holds them.
    std::optional<std::uint64_t> allocate(std::uint64_t rounded);
    void free(std::uint64_t offset, std::uint64_t rounded);
    // Takes up to `more` bytes (whole small granules) of the gap that begins at `end`; returns how many.
    std::uint64_t extend(std::uint64_t end, std::uint64_t more);

    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t largest_gap() const;

  private:
    std::uint64_t bytes_;
    std::map<std::uint64_t, std::uint64_t> gaps_;  // bytes by offset; never adjacent
};

}  // namespace tensile
