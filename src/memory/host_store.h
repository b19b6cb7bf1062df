// Where the host's copies of one job's tensors are kept: the tier below the tensor pool as those who copy see it. It is
// a spill file, or a range of the pinned arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tensile {

class HostStore {
  public:
    virtual ~HostStore() = default;
    virtual std::uint64_t bytes() const = 0;
    // Its content where it lies in the pinned arena, so that streams can copy from and to it; otherwise null.
    virtual std::byte* memory() { return nullptr; }
    // Block until the bytes are there; throw Error 58030 when they cannot be. Offsets, sizes and addresses are
    // multiples of kCopyAlignment (planner/plan.h). Several threads may read and write disjoint ranges at once.
    virtual void write(std::uint64_t offset, std::span<const std::byte> from) = 0;
    virtual void read(std::uint64_t offset, std::span<std::byte> to) = 0;
};

// Holds nothing: of a job whose plans only compute again.
HostStore& no_host_store();

// Size of the pieces in which copies are cut: large enough for a disk's full rate, and at that rate over within a few
// milliseconds, so that a job that is stopped, or another job's copy, never waits long.
inline constexpr std::uint64_t kCopyPiece = std::uint64_t{2} << 20;

// The whole ranges, piece by piece.
void write_pieces(HostStore& store, std::uint64_t offset, std::span<const std::byte> from);
void read_pieces(HostStore& store, std::uint64_t offset, std::span<std::byte> to);

}  // namespace tensile
