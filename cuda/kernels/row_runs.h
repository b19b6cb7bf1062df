// Row-sparse slots in the order of the table rows that they name: sorted stably, and cut into runs of equal rows. What
// merge_rows and densify_rows add up by.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace tensile::cuda {

// Long runs are added up in parts that end at multiples of this many sorted entries.
inline constexpr int kRunWindow = 256;

struct SlotEntry {
    std::uint32_t row;  // of the table
    std::int32_t slot;
};

// In device memory. Entries of slots that name no row of the table come last and belong to no run.
struct RowRuns {
    const SlotEntry* entries;         // by row, those of a row by slot
    const std::int32_t* count;        // of runs
    const std::int32_t* starts;       // first entry of each run, ascending by row, and the end of the last run
    const std::uint32_t* rows;        // of each run
    const std::int32_t* window_runs;  // of each window: the run that its first entry belongs to, -1 for none
};

// How row runs are found for one number of slots and one table. Radix sort, least significant digit first: each pass
// counts digits by tile, adds the counts up, and moves every entry to its place, all of it in an order that the slots
// alone decide. Few slots are sorted by one block.
class RowRunFinder {
  public:
    // Throws TENSILE_UNSUPPORTED for more than 2^31 - 1 slots.
    RowRunFinder(std::int64_t slots, std::int64_t table_rows);

    std::size_t scratch_bytes() const { return layout_.bytes; }
    int windows() const { return (slots_ + kRunWindow - 1) / kRunWindow; }
    // Needs a slot at least. The runs lie in `scratch` (256-byte aligned).
    RowRuns find(cudaStream_t stream, const std::int32_t* indices, std::byte* scratch) const;

  private:
    // Places in scratch, in bytes.
    struct Layout {
        std::size_t entries;
        std::size_t spare;
        std::size_t counts;
        std::size_t totals;
        std::size_t count;
        std::size_t starts;
        std::size_t rows;
        std::size_t window_runs;
        std::size_t bytes;
    };

    int tiles() const;
    bool is_sorted_by_one_block() const;

    std::int32_t slots_;
    std::uint32_t table_rows_;
    Layout layout_;
};

}  // namespace tensile::cuda
