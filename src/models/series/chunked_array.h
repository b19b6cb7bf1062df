// A growing array whose elements never move: what arrives row by row in unknown number is kept without the peak of
// twice its bytes that a growing vector has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tensile {

template <typename T>
class ChunkedArray {
  public:
    void push_back(T value) {
        if ((size_ & kMask) == 0) chunks_.push_back(std::make_unique_for_overwrite<T[]>(kChunk));
        chunks_.back()[size_++ & kMask] = value;
    }
    T& operator[](std::size_t i) { return chunks_[i >> kShift][i & kMask]; }
    const T& operator[](std::size_t i) const { return chunks_[i >> kShift][i & kMask]; }
    std::size_t size() const { return size_; }
    std::uint64_t bytes() const { return chunks_.size() * kChunk * sizeof(T); }

  private:
    static constexpr std::size_t kShift = 14;
    static constexpr std::size_t kChunk = std::size_t{1} << kShift;
    static constexpr std::size_t kMask = kChunk - 1;

    std::vector<std::unique_ptr<T[]>> chunks_;
    std::size_t size_ = 0;
};

}  // namespace tensile
