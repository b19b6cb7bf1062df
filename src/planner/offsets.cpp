// Placement in order of time and by size; see offsets.h.
#include "planner/offsets.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace tensile {

namespace {

constexpr std::uint64_t kNowhere = ~std::uint64_t{0};
// Greedy placement looks at all blocks that overlap in time: affordable up to so many, and to so many within a limit,
// which is asked for while other plans are still possible.
constexpr std::size_t kGreedyBlocks = 6000;
constexpr std::size_t kGreedyBlocksWithinLimit = 400;
// The smallest extent is not looked for further once it is so near the floor.
constexpr double kSmallEnough = 1.005;

struct Block {
    std::int32_t first;
    std::int32_t last;
    std::uint64_t bytes;  // rounded up
    std::uint64_t alignment;
    std::uint64_t fixed_offset;

    bool is_fixed() const { return fixed_offset != TimedBlock::kAnywhere; }
    std::int32_t length() const { return last - first + 1; }
};

std::uint64_t round_up(std::uint64_t value, std::uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

// Block indices by first time and by last time; ties by index.
struct Timeline {
    std::vector<std::uint32_t> by_first;
    std::vector<std::uint32_t> by_last;

    explicit Timeline(std::span<const Block> blocks) : by_first(blocks.size()), by_last(blocks.size()) {
        std::iota(by_first.begin(), by_first.end(), 0U);
        std::iota(by_last.begin(), by_last.end(), 0U);
        std::sort(by_first.begin(), by_first.end(), [&](std::uint32_t a, std::uint32_t b) {
            return blocks[a].first != blocks[b].first ? blocks[a].first < blocks[b].first : a < b;
        });
        std::sort(by_last.begin(), by_last.end(), [&](std::uint32_t a, std::uint32_t b) {
            return blocks[a].last != blocks[b].last ? blocks[a].last < blocks[b].last : a < b;
        });
    }
};

std::uint64_t peak_of(std::span<const Block> blocks, const Timeline& timeline) {
    std::uint64_t live = 0;
    std::uint64_t peak = 0;
    std::size_t ended = 0;
    for (const std::uint32_t index : timeline.by_first) {
        while (ended < blocks.size() && blocks[timeline.by_last[ended]].last < blocks[index].first)
            live -= blocks[timeline.by_last[ended++]].bytes;
        live += blocks[index].bytes;
        peak = std::max(peak, live);
    }
    return peak;
}

// The free bytes at one moment as disjoint gaps in ascending order.
class Gaps {
  public:
    Gaps(std::uint64_t begin, std::uint64_t end) {
        if (begin < end) gaps_.push_back({begin, end});
    }

    std::uint64_t take_lowest(std::uint64_t bytes, std::uint64_t alignment) {
        for (std::size_t i = 0; i < gaps_.size(); ++i) {
            const std::uint64_t begin = round_up(gaps_[i].begin, alignment);
            if (begin < gaps_[i].end && gaps_[i].end - begin >= bytes) return take(i, begin, bytes);
        }
        return kNowhere;
    }

    std::uint64_t take_highest(std::uint64_t bytes, std::uint64_t alignment) {
        for (std::size_t i = gaps_.size(); i-- > 0;) {
            if (gaps_[i].end - gaps_[i].begin < bytes) continue;
            const std::uint64_t begin = (gaps_[i].end - bytes) / alignment * alignment;
            if (begin >= gaps_[i].begin) return take(i, begin, bytes);
        }
        return kNowhere;
    }

    std::uint64_t take_smallest(std::uint64_t bytes, std::uint64_t alignment) {
        std::size_t best = gaps_.size();
        for (std::size_t i = 0; i < gaps_.size(); ++i) {
            const std::uint64_t begin = round_up(gaps_[i].begin, alignment);
            if (begin >= gaps_[i].end || gaps_[i].end - begin < bytes) continue;
            if (best == gaps_.size() || gaps_[i].size() < gaps_[best].size()) best = i;
        }
        return best == gaps_.size() ? kNowhere : take(best, round_up(gaps_[best].begin, alignment), bytes);
    }

    void give_back(std::uint64_t begin, std::uint64_t end) {
        const auto next = std::lower_bound(gaps_.begin(), gaps_.end(), begin,
                                           [](const Gap& gap, std::uint64_t at) { return gap.begin < at; });
        const bool joins_next = next != gaps_.end() && next->begin == end;
        const bool joins_previous = next != gaps_.begin() && std::prev(next)->end == begin;
        if (joins_previous && joins_next) {
            std::prev(next)->end = next->end;
            gaps_.erase(next);
        } else if (joins_previous) {
            std::prev(next)->end = end;
        } else if (joins_next) {
            next->begin = begin;
        } else {
            gaps_.insert(next, {begin, end});
        }
    }

  private:
    struct Gap {
        std::uint64_t begin;
        std::uint64_t end;
        std::uint64_t size() const { return end - begin; }
    };

    std::uint64_t take(std::size_t index, std::uint64_t begin, std::uint64_t bytes) {
        const Gap gap = gaps_[index];
        const std::uint64_t end = begin + bytes;
        if (gap.begin == begin && gap.end == end) {
            gaps_.erase(gaps_.begin() + static_cast<std::ptrdiff_t>(index));
        } else if (gap.begin == begin) {
            gaps_[index].begin = end;
        } else {
            gaps_[index].end = begin;
            if (gap.end != end) gaps_.insert(gaps_.begin() + static_cast<std::ptrdiff_t>(index) + 1, {end, gap.end});
        }
        return begin;
    }

    std::vector<Gap> gaps_;
};

enum class Fit : std::uint8_t { kLowest, kSmallest, kTwoEnds };

// Places blocks in order of time, forwards or backwards, above the border; blocks that begin together longest first.
// With kTwoEnds, blocks longer than `long_length` come from the bottom and others from the top.
struct SweepRules {
    Fit fit = Fit::kLowest;
    bool backwards = false;
    std::int32_t long_length = 0;
    std::uint64_t top = kNowhere;
};

class Sweep {
  public:
    Sweep(std::span<const Block> blocks, const Timeline& timeline, std::uint64_t border)
        : blocks_(blocks), timeline_(timeline), border_(border) {}

    // False as soon as the extent would reach beyond the top.
    bool place(const SweepRules& rules, std::vector<std::uint64_t>& offsets, std::uint64_t& extent) {
        order_ = timeline_.by_first;
        std::vector<std::uint32_t> ends = timeline_.by_last;
        if (rules.backwards) {
            std::reverse(ends.begin(), ends.end());
            std::reverse(order_.begin(), order_.end());
            std::swap(order_, ends);
        }
        const auto begin_of = [&](std::uint32_t index) {
            return rules.backwards ? -blocks_[index].last : blocks_[index].first;
        };
        const auto end_of = [&](std::uint32_t index) {
            return rules.backwards ? -blocks_[index].first : blocks_[index].last;
        };
        Gaps gaps(border_, rules.top);
        extent = border_;
        std::size_t ended = 0;
        for (std::size_t group = 0; group < order_.size();) {
            const std::int32_t now = begin_of(order_[group]);
            std::size_t group_end = group;
            while (group_end < order_.size() && begin_of(order_[group_end]) == now)
                ++group_end;
            for (; ended < ends.size() && end_of(ends[ended]) < now; ++ended)
                if (!blocks_[ends[ended]].is_fixed() && blocks_[ends[ended]].bytes > 0)
                    gaps.give_back(offsets[ends[ended]], offsets[ends[ended]] + blocks_[ends[ended]].bytes);
            std::sort(order_.begin() + static_cast<std::ptrdiff_t>(group),
                      order_.begin() + static_cast<std::ptrdiff_t>(group_end), [&](std::uint32_t a, std::uint32_t b) {
                          if (blocks_[a].length() != blocks_[b].length())
                              return blocks_[a].length() > blocks_[b].length();
                          // Sizes are multiples of the alignment: no gaps in this order.
                          if (blocks_[a].alignment != blocks_[b].alignment)
                              return blocks_[a].alignment > blocks_[b].alignment;
                          return blocks_[a].bytes != blocks_[b].bytes ? blocks_[a].bytes > blocks_[b].bytes : a < b;
                      });
            for (; group < group_end; ++group) {
                const std::uint32_t index = order_[group];
                const Block& block = blocks_[index];
                if (block.is_fixed()) {
                    offsets[index] = block.fixed_offset;
                    continue;
                }
                if (block.bytes == 0) {
                    offsets[index] = border_;
                    continue;
                }
                const std::uint64_t offset = take(gaps, block, rules);
                if (offset == kNowhere) return false;
                offsets[index] = offset;
                extent = std::max(extent, offset + block.bytes);
            }
        }
        return true;
    }

  private:
    static std::uint64_t take(Gaps& gaps, const Block& block, const SweepRules& rules) {
        switch (rules.fit) {
        case Fit::kLowest:
            return gaps.take_lowest(block.bytes, block.alignment);
        case Fit::kSmallest:
            return gaps.take_smallest(block.bytes, block.alignment);
        case Fit::kTwoEnds:
            return block.length() > rules.long_length ? gaps.take_lowest(block.bytes, block.alignment)
                                                      : gaps.take_highest(block.bytes, block.alignment);
        }
        return kNowhere;
    }

    std::span<const Block> blocks_;
    const Timeline& timeline_;
    std::uint64_t border_;
    std::vector<std::uint32_t> order_;
};

// Places blocks one by one in the given order, each into a gap among the blocks placed so far whose times overlap with
// its own; above all of those when no gap holds it. Fixed blocks come first.
class GreedyPlacer {
  public:
    GreedyPlacer(std::span<const Block> blocks, Fit fit, std::uint64_t border, std::uint64_t give_up_at)
        : blocks_(blocks), fit_(fit), give_up_at_(give_up_at) {
        placed_.reserve(blocks.size() + 1);
        constexpr std::int32_t kEver = std::numeric_limits<std::int32_t>::max();
        // A wall without width at the border.
        if (border > 0) placed_.push_back({border, border, -kEver, kEver});
    }

    // False as soon as the extent reaches `give_up_at`.
    bool place(std::span<const std::uint32_t> order, std::vector<std::uint64_t>& offsets, std::uint64_t& extent) {
        extent = 0;
        for (const bool fixed : {true, false})
            for (const std::uint32_t index : order) {
                const Block& block = blocks_[index];
                if (block.is_fixed() != fixed) continue;
                const std::uint64_t offset = fixed ? block.fixed_offset : find_offset(block);
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
        std::uint64_t occupied_to = 0;
        std::uint64_t best = kNowhere;
        std::uint64_t best_gap = kNowhere;
        for (const Placed& other : placed_) {
            if (other.first > block.last || block.first > other.last) continue;
            const std::uint64_t begin = round_up(occupied_to, block.alignment);
            if (other.begin > begin) {
                const std::uint64_t gap = other.begin - begin;
                if (gap >= block.bytes && gap < best_gap) {
                    best = begin;
                    best_gap = gap;
                    if (fit_ == Fit::kLowest || gap == block.bytes) return best;
                }
            }
            occupied_to = std::max(occupied_to, other.end);
        }
        return best == kNowhere ? round_up(occupied_to, block.alignment) : best;
    }

    std::span<const Block> blocks_;
    Fit fit_;
    std::uint64_t give_up_at_;
    std::vector<Placed> placed_;  // by begin
};

bool is_larger(const Block& a, const Block& b) {
    return a.bytes > b.bytes;
}
bool lives_longer(const Block& a, const Block& b) {
    return a.length() != b.length() ? a.length() > b.length() : a.bytes > b.bytes;
}

// What greedy placement tries, the likeliest to succeed first; ties in an order are broken by the index, so that the
// result is one and the same everywhere.
struct GreedyRules {
    bool (*precedes)(const Block&, const Block&);
    Fit fit;
};
constexpr GreedyRules kGreedyRules[] = {{is_larger, Fit::kLowest},
                                        {lives_longer, Fit::kLowest},
                                        {is_larger, Fit::kSmallest},
                                        {lives_longer, Fit::kSmallest}};

// Collects attempts until one is good enough.
class Search {
  public:
    Search(std::span<const Block> blocks, const OffsetRules& rules)
        : blocks_(blocks), rules_(rules), timeline_(blocks), offsets_(blocks.size()) {
        best_.peak_bytes = peak_of(blocks, timeline_);
        best_.extent_bytes = kNowhere;
        for (const Block& block : blocks)
            if (block.is_fixed()) floor_ = std::max(floor_, block.fixed_offset + block.bytes);
        floor_ = std::max(floor_, best_.peak_bytes);
    }

    OffsetAssignment run() {
        sweep_all();
        if (!is_done() && blocks_.size() <= (rules_.limit == kNowhere ? kGreedyBlocks : kGreedyBlocksWithinLimit))
            greedy_all();
        return std::move(best_);
    }

  private:
    bool is_done() const {
        if (rules_.limit != kNowhere) return best_.extent_bytes <= rules_.limit;
        return static_cast<double>(best_.extent_bytes) <= kSmallEnough * static_cast<double>(floor_);
    }

    void keep(std::uint64_t extent) {
        if (extent >= best_.extent_bytes) return;
        best_.extent_bytes = extent;
        best_.offsets = offsets_;
    }

    void sweep(const SweepRules& rules) {
        if (is_done()) return;
        std::uint64_t extent = 0;
        if (Sweep(blocks_, timeline_, rules_.border).place(rules, offsets_, extent)) keep(extent);
    }

    void sweep_all() {
        std::int32_t end = 0;
        for (const Block& block : blocks_)
            end = std::max(end, block.last);
        for (const bool backwards : {false, true})
            sweep({Fit::kLowest, backwards, 0, rules_.limit});
        std::vector<std::uint64_t> tops;
        if (rules_.limit != kNowhere) tops.push_back(rules_.limit);
        for (const double slack : {1.0, 1.01, 1.03})
            if (rules_.limit == kNowhere)
                tops.push_back(
                    round_up(static_cast<std::uint64_t>(static_cast<double>(floor_) * slack), rules_.alignment));
        for (const std::uint64_t top : tops)
            for (const std::int32_t long_length : {8, end / 3})
                for (const bool backwards : {false, true})
                    if (top < best_.extent_bytes && top <= rules_.limit)
                        sweep({Fit::kTwoEnds, backwards, long_length, top});
        for (const bool backwards : {false, true})
            sweep({Fit::kSmallest, backwards, 0, rules_.limit});
    }

    void greedy_all() {
        std::vector<std::uint32_t> order(blocks_.size());
        for (const GreedyRules& attempt : kGreedyRules) {
            if (is_done()) return;
            std::iota(order.begin(), order.end(), 0U);
            std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
                return attempt.precedes(blocks_[a], blocks_[b]);
            });
            std::uint64_t extent = 0;
            if (GreedyPlacer(blocks_, attempt.fit, rules_.border, best_.extent_bytes).place(order, offsets_, extent))
                keep(std::max(extent, rules_.border));
        }
    }

    std::span<const Block> blocks_;
    const OffsetRules& rules_;
    Timeline timeline_;
    std::uint64_t floor_ = 0;  // no extent is smaller
    std::vector<std::uint64_t> offsets_;
    OffsetAssignment best_;
};

}  // namespace

OffsetAssignment assign_offsets(std::span<const TimedBlock> requests, const OffsetRules& rules) {
    std::vector<Block> blocks;
    blocks.reserve(requests.size());
    for (const TimedBlock& request : requests) {
        const std::uint64_t alignment = request.alignment == 0 ? rules.alignment : request.alignment;
        blocks.push_back(
            {request.first, request.last, round_up(request.bytes, alignment), alignment, request.fixed_offset});
    }
    return Search(blocks, rules).run();
}

}  // namespace tensile
