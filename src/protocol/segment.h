// Memfd segments: bulk bytes shared between two processes. A segment is allocated in full (fallocate: no page can fail
// later), sealed against any change of size before its descriptor is sent, and checked for those seals by the receiver
// before it maps it; the descriptor is closed once mapped. PF 4 tells what happens otherwise.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace tensile::protocol {

// A mapped segment; move-only. The creator keeps the descriptor to send it, the receiver does not.
class Segment {
  public:
    Segment() = default;
    Segment(Segment&& other) noexcept;
    Segment& operator=(Segment&& other) noexcept;
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;
    ~Segment();

    // Creates, allocates, seals and maps. On failure returns nothing and sets errno.
    static std::optional<Segment> create(std::size_t bytes);
    // Maps a received descriptor, which is closed in every case. Refuses (with the reason in `problem`) what is not a
    // memfd sealed with SHRINK|GROW|SEAL, is not allocated in full, or is larger than `limit` bytes. The mapping is
    // read-only: bytes() of an adopted segment must not be written.
    static std::optional<Segment> adopt(int descriptor, std::size_t limit, std::string& problem);

    std::span<std::byte> bytes() const { return {data_, size_}; }
    int descriptor() const { return descriptor_; }
    explicit operator bool() const { return data_ != nullptr; }

  private:
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    int descriptor_ = -1;
};

}  // namespace tensile::protocol
