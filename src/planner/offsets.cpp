// Greedy placement in a few fixed orders; see offsets.h.
#include "planner/offsets.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace tensile {

namespace {

struct Block {
    std::int32_t first;
    std::int32_t last;
    std::uint64_t bytes;  // rounded up
};

std::uint64_t peak_of(std::span<const Block> blocks) {
    struct Change {
        std::int32_t time;
        bool begins;
        std::uint64_t bytes;
    };
    std::vector<Change> changes;
    changes.reserve(blocks.size() * 2);
    for (const Block& block : blocks) {
        changes.push_back({block.first, true, block.bytes});
        changes.push_back({block.last + 1, false, block.bytes});
    }
    // At equal times ends come before beginnings.
    std::sort(changes.begin(), changes.end(), [](const Change& left, const Change& right) {
        return left.time != right.time ? left.time < right.time : left.begins < right.begins;
    });
    std::uint64_t live = 0;
    std::uint64_t peak = 0;
    for (const Change& change : changes) {
        live = change.begins ? live + change.bytes : live - change.bytes;
        peak = std::max(peak, live);
    }
    return peak;
}

// Which of the gaps that hold a block it gets.
enum class Fit : std::uint8_t { kLowest, kSmallest };

// Places blocks one by one in the given order, each into a gap among the blocks placed so far whose times overlap with
// its own; above all of those when no gap holds it.
class GreedyPlacer {
  public:
    GreedyPlacer(std::span<const Block> blocks, Fit fit, std::uint64_t give_up_at)
        : blocks_(blocks), fit_(fit), give_up_at_(give_up_at) {
        placed_.reserve(blocks.size());
    }

    // False as soon as the extent reaches `give_up_at`.
    bool place(std::span<const std::uint32_t> order, std::vector<std::uint64_t>& offsets, std::uint64_t& extent) {
        extent = 0;
        for (const std::uint32_t index : order) {
            const Block& block = blocks_[index];
            const std::uint64_t offset = find_offset(block);
            extent = std::max(extent, offset + block.bytes);
            if (extent >= give_up_at_) return false;
            offsets[index] = offset;
            const Placed placed{offset, offset + block.bytes, block.first, block.last};
            placed_.insert(std::upper_bound(placed_.begin(), placed_.end(), placed,
                                            [](const Placed& a, const Placed& b) { return a.begin < b.begin; }),
                           placed);
        }
        return true;
    }

  private:
    struct Placed {
        std::uint64_t begin;
        std::uint64_t end;
        std::int32_t first;
        std::int32_t last;
    };

    std::uint64_t find_offset(const Block& block) const {
        constexpr std::uint64_t kNone = ~std::uint64_t{0};
        std::uint64_t occupied_to = 0;
        std::uint64_t best = kNone;
        std::uint64_t best_gap = kNone;
        for (const Placed& other : placed_) {
            if (other.first > block.last || block.first > other.last) continue;
            if (other.begin > occupied_to) {
                const std::uint64_t gap = other.begin - occupied_to;
                if (gap >= block.bytes && gap < best_gap) {
                    best = occupied_to;
                    best_gap = gap;
                    if (fit_ == Fit::kLowest || gap == block.bytes) return best;
                }
            }
            occupied_to = std::max(occupied_to, other.end);
        }
        return best == kNone ? occupied_to : best;
    }

    std::span<const Block> blocks_;
    Fit fit_;
    std::uint64_t give_up_at_;
    std::vector<Placed> placed_;  // by begin
};

std::int32_t lifetime(const Block& block) {
    return block.last - block.first + 1;
}

bool is_larger(const Block& a, const Block& b) {
    return a.bytes > b.bytes;
}
bool lives_longer(const Block& a, const Block& b) {
    return lifetime(a) != lifetime(b) ? lifetime(a) > lifetime(b) : a.bytes > b.bytes;
}

// What is tried, the likeliest to succeed first; ties in an order are broken by the index, so that the result is one
// and the same everywhere.
struct Attempt {
    bool (*precedes)(const Block&, const Block&);
    Fit fit;
};
constexpr std::array<Attempt, 3> kAttempts = {
    {{is_larger, Fit::kLowest}, {is_larger, Fit::kSmallest}, {lives_longer, Fit::kSmallest}}};

}  // namespace

OffsetAssignment assign_offsets(std::span<const TimedBlock> requests, std::uint64_t alignment) {
    std::vector<Block> blocks;
    blocks.reserve(requests.size());
    for (const TimedBlock& request : requests)
        blocks.push_back({request.first, request.last, (request.bytes + alignment - 1) / alignment * alignment});

    OffsetAssignment best;
    best.peak_bytes = peak_of(blocks);
    best.extent_bytes = ~std::uint64_t{0};
    std::vector<std::uint32_t> order(blocks.size());
    std::vector<std::uint64_t> offsets(blocks.size());
    for (const Attempt& attempt : kAttempts) {
        std::iota(order.begin(), order.end(), 0U);
        std::stable_sort(order.begin(), order.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return attempt.precedes(blocks[a], blocks[b]); });
        std::uint64_t extent = 0;
        if (!GreedyPlacer(blocks, attempt.fit, best.extent_bytes).place(order, offsets, extent)) continue;
        best.extent_bytes = extent;
        best.offsets = offsets;
        if (extent == best.peak_bytes) break;
    }
    return best;
}

}  // namespace tensile
