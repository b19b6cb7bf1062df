// Sorting slots by table row; see row_runs.h.
#include "cuda/kernels/row_runs.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "cuda/error.h"
#include "cuda/kernels/grid_walk.h"

namespace tensile::cuda {

namespace {

constexpr unsigned kAllLanes = 0xFFFFFFFFU;
constexpr int kBlockWarps = kBlockThreads / kWarpThreads;
constexpr int kDigitBits = 8;
constexpr int kDigits = 1 << kDigitBits;
static_assert(kDigits == kBlockThreads, "a thread for each digit");
// Slots of a tile: each thread has so many.
constexpr int kThreadSlots = 8;
constexpr int kTileSlots = kBlockThreads * kThreadSlots;
// Slots that one block sorts in its shared memory.
constexpr int kMostBlockSlots = 4096;
constexpr std::uint64_t kBeyondAll = std::numeric_limits<std::uint64_t>::max();

// What is written where; the device's side of RowRuns.
struct RunTables {
    std::int32_t* count;
    std::int32_t* starts;
    std::uint32_t* rows;
    std::int32_t* window_runs;
};

// Keys of a sort: the table row of each slot, `absent` (the number of table rows) for a slot that names none.
struct IndexSource {
    const std::int32_t* indices;
    std::uint32_t absent;
    __device__ SlotEntry operator()(std::int32_t slot) const {
        const auto row = static_cast<std::uint32_t>(indices[slot]);  // a negative one is beyond every table
        return {row < absent ? row : absent, slot};
    }
};
struct EntrySource {
    const SlotEntry* entries;
    __device__ SlotEntry operator()(std::int32_t place) const { return entries[place]; }
};

__device__ int digit_of(SlotEntry entry, int shift) {
    return static_cast<int>((entry.row >> shift) % kDigits);
}

// Sum of the values of the threads before this one in the block; `total` is that of all. Every thread must get here.
__device__ std::int32_t exclusive_sum(std::int32_t value, std::int32_t& total) {
    __shared__ std::int32_t of_warps[kBlockWarps];
    const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
    const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
    std::int32_t sum = value;
    for (int distance = 1; distance < kWarpThreads; distance *= 2) {
        const std::int32_t before = __shfl_sync(kAllLanes, sum, (lane - distance) & (kWarpThreads - 1));
        if (lane >= distance) sum += before;
    }
    if (lane == kWarpThreads - 1) of_warps[warp] = sum;
    __syncthreads();
    std::int32_t earlier = 0;
    total = 0;
    for (int other = 0; other < kBlockWarps; ++other) {
        if (other < warp) earlier += of_warps[other];
        total += of_warps[other];
    }
    __syncthreads();
    return earlier + sum - value;
}

// counts[digit * tiles + tile]: how often the digit occurs in the tile.
template <typename Source>
__global__ void count_digits(Source source, std::int32_t slots, int shift, std::int32_t* counts) {
    __shared__ std::int32_t histogram[kDigits];
    histogram[threadIdx.x] = 0;
    __syncthreads();
    const std::int64_t first = std::int64_t{blockIdx.x} * kTileSlots;
    for (int i = 0; i < kThreadSlots; ++i) {
        const std::int64_t place = first + i * kBlockThreads + threadIdx.x;
        if (place < slots) atomicAdd(&histogram[digit_of(source(static_cast<std::int32_t>(place)), shift)], 1);
    }
    __syncthreads();
    counts[std::int64_t{threadIdx.x} * gridDim.x + blockIdx.x] = histogram[threadIdx.x];
}

// A block for each row of `counts`: replaces every count by the sum of those before it in the row, and notes the row's
// total.
__global__ void sum_counts(std::int32_t width, std::int32_t* counts, std::int32_t* totals) {
    std::int32_t* row = counts + std::int64_t{blockIdx.x} * width;
    std::int32_t before = 0;
    for (std::int32_t first = 0; first < width; first += kBlockThreads) {
        const std::int32_t i = first + static_cast<std::int32_t>(threadIdx.x);
        std::int32_t total = 0;
        const std::int32_t sum = exclusive_sum(i < width ? row[i] : 0, total);
        if (i < width) row[i] = before + sum;
        before += total;
    }
    if (threadIdx.x == 0) totals[blockIdx.x] = before;
}

// Moves the entries of a tile to where they belong by this digit, those of equal digits in the order they have. A warp
// has neighbouring entries and takes them 32 at a time.
template <typename Source>
__global__ void move_by_digit(Source source, std::int32_t slots, int shift, const std::int32_t* counts,
                              const std::int32_t* totals, SlotEntry* sorted) {
    // Of each warp and digit: first how many entries, then where the first of them goes. The last digit is that of
    // entries beyond the end.
    __shared__ std::int32_t places[kBlockWarps][kDigits + 1];
    const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
    const int warp = static_cast<int>(threadIdx.x) / kWarpThreads;
    for (int i = static_cast<int>(threadIdx.x); i < kBlockWarps * (kDigits + 1); i += kBlockThreads)
        places[i / (kDigits + 1)][i % (kDigits + 1)] = 0;
    __syncthreads();

    SlotEntry entries[kThreadSlots];
    std::int32_t ranks[kThreadSlots];
    int digits[kThreadSlots];
    const std::int64_t first = std::int64_t{blockIdx.x} * kTileSlots + warp * (kTileSlots / kBlockWarps) + lane;
    for (int i = 0; i < kThreadSlots; ++i) {
        const std::int64_t place = first + i * kWarpThreads;
        entries[i] = place < slots ? source(static_cast<std::int32_t>(place)) : SlotEntry{};
        digits[i] = place < slots ? digit_of(entries[i], shift) : kDigits;
        const unsigned alike = __match_any_sync(kAllLanes, digits[i]);
        const int before = __popc(alike & ((1U << lane) - 1));
        const std::int32_t earlier = places[warp][digits[i]];
        __syncwarp();
        if (before == 0) places[warp][digits[i]] = earlier + __popc(alike);
        __syncwarp();
        ranks[i] = earlier + before;
    }
    __syncthreads();

    const int digit = static_cast<int>(threadIdx.x);
    std::int32_t all = 0;
    std::int32_t place = exclusive_sum(totals[digit], all) + counts[std::int64_t{digit} * gridDim.x + blockIdx.x];
    for (int other = 0; other < kBlockWarps; ++other) {
        const std::int32_t count = places[other][digit];
        places[other][digit] = place;
        place += count;
    }
    __syncthreads();
    for (int i = 0; i < kThreadSlots; ++i)
        if (digits[i] < kDigits) sorted[places[warp][digits[i]] + ranks[i]] = entries[i];
}

// Whether a run begins at this place of the sorted entries.
template <typename Source>
__device__ bool is_run_start(Source source, std::int32_t place, std::uint32_t absent) {
    const std::uint32_t row = source(place).row;
    return row < absent && (place == 0 || source(place - 1).row != row);
}

template <typename Source>
__global__ void count_runs(Source source, std::int32_t slots, std::uint32_t absent, std::int32_t* counts) {
    std::int32_t starts = 0;
    const std::int64_t first = std::int64_t{blockIdx.x} * kTileSlots;
    for (int i = 0; i < kThreadSlots; ++i) {
        const std::int64_t place = first + i * kBlockThreads + threadIdx.x;
        if (place < slots && is_run_start(source, static_cast<std::int32_t>(place), absent)) ++starts;
    }
    std::int32_t total = 0;
    exclusive_sum(starts, total);
    if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// Writes down the runs that begin among places [first, end), before which there are `runs`; returns the runs up to the
// end. The whole block works on them.
template <typename Source>
__device__ std::int32_t note_runs(Source source, std::int64_t first, std::int64_t end, std::int32_t slots,
                                  std::uint32_t absent, std::int32_t runs, RunTables tables) {
    for (std::int64_t chunk = first; chunk < end; chunk += kBlockThreads) {
        const std::int64_t at = chunk + threadIdx.x;
        const auto place = static_cast<std::int32_t>(at < end ? at : end - 1);
        const bool starts = at < end && is_run_start(source, place, absent);
        std::int32_t total = 0;
        const std::int32_t run = runs + exclusive_sum(starts ? 1 : 0, total) + (starts ? 1 : 0) - 1;
        if (at < end) {
            const std::uint32_t row = source(place).row;
            if (starts) {
                tables.starts[run] = place;
                tables.rows[run] = row;
            }
            // The end of the last run: where entries without a row begin, or after all of them.
            if (row == absent && (place == 0 || source(place - 1).row != absent)) tables.starts[run + 1] = place;
            if (row != absent && place == slots - 1) tables.starts[run + 1] = slots;
            if (place % kRunWindow == 0) tables.window_runs[place / kRunWindow] = row == absent ? -1 : run;
        }
        runs += total;
    }
    return runs;
}

// `counts`: the runs that begin before each tile.
template <typename Source>
__global__ void note_tile_runs(Source source, std::int32_t slots, std::uint32_t absent, const std::int32_t* counts,
                               RunTables tables) {
    const std::int64_t first = std::int64_t{blockIdx.x} * kTileSlots;
    const std::int64_t end = first + kTileSlots < slots ? first + kTileSlots : slots;
    note_runs(source, first, end, slots, absent, counts[blockIdx.x], tables);
}

// All of it by one block: Batcher's bitonic sort of (row, slot), which no two entries share, so it is stable.
__global__ void find_runs_by_one_block(IndexSource indices, std::int32_t slots, std::int32_t padded, SlotEntry* sorted,
                                       RunTables tables) {
    __shared__ std::uint64_t keys[kMostBlockSlots];
    const auto thread = static_cast<std::int32_t>(threadIdx.x);
    for (std::int32_t i = thread; i < padded; i += kBlockThreads) {
        std::uint64_t key = kBeyondAll;
        if (i < slots) key = std::uint64_t{indices(i).row} << 32 | static_cast<std::uint32_t>(i);
        keys[i] = key;
    }
    __syncthreads();
    for (std::int32_t length = 2; length <= padded; length *= 2) {
        for (std::int32_t distance = length / 2; distance > 0; distance /= 2) {
            for (std::int32_t pair = thread; pair < padded / 2; pair += kBlockThreads) {
                const std::int32_t low = 2 * pair - (pair & (distance - 1));
                const std::int32_t high = low + distance;
                const bool ascends = (low & length) == 0;
                const std::uint64_t first = keys[low];
                const std::uint64_t second = keys[high];
                if ((first > second) == ascends) {
                    keys[low] = second;
                    keys[high] = first;
                }
            }
            __syncthreads();
        }
    }
    for (std::int32_t i = thread; i < slots; i += kBlockThreads)
        sorted[i] = {static_cast<std::uint32_t>(keys[i] >> 32), static_cast<std::int32_t>(keys[i] & 0xFFFFFFFFU)};
    __syncthreads();
    const std::int32_t runs = note_runs(EntrySource{sorted}, 0, slots, slots, indices.absent, 0, tables);
    if (thread == 0) *tables.count = runs;
}

}  // namespace

RowRunFinder::RowRunFinder(std::int64_t slots, std::int64_t table_rows) {
    if (slots > std::numeric_limits<std::int32_t>::max())
        throw PluginError(TENSILE_UNSUPPORTED, "too many slots in a row-sparse gradient");
    slots_ = static_cast<std::int32_t>(slots);
    // An index has 31 bits, so further rows of a table cannot be named.
    table_rows_ = static_cast<std::uint32_t>(std::min<std::int64_t>(table_rows, std::int64_t{1} << 31));
    const auto most_runs = static_cast<std::size_t>(std::min<std::int64_t>(slots_, table_rows_));
    const auto count = static_cast<std::size_t>(slots_);

    std::size_t end = 0;
    const auto place = [&](std::size_t bytes) {
        const std::size_t begin = end;
        end += (bytes + 255) / 256 * 256;
        return begin;
    };
    layout_.entries = place(count * sizeof(SlotEntry));
    layout_.starts = place((most_runs + 1) * sizeof(std::int32_t));
    layout_.rows = place(most_runs * sizeof(std::uint32_t));
    layout_.window_runs = place(static_cast<std::size_t>(windows()) * sizeof(std::int32_t));
    layout_.count = place(sizeof(std::int32_t));
    const std::size_t by_tile = is_sorted_by_one_block() ? 0 : 1;
    layout_.spare = place(by_tile * count * sizeof(SlotEntry));
    layout_.counts = place(by_tile * kDigits * static_cast<std::size_t>(tiles()) * sizeof(std::int32_t));
    layout_.totals = place(by_tile * kDigits * sizeof(std::int32_t));
    layout_.bytes = end;
}

int RowRunFinder::tiles() const {
    return (slots_ - 1) / kTileSlots + 1;
}

bool RowRunFinder::is_sorted_by_one_block() const {
    return slots_ <= kMostBlockSlots;
}

RowRuns RowRunFinder::find(cudaStream_t stream, const std::int32_t* indices, std::byte* scratch) const {
    auto* entries = reinterpret_cast<SlotEntry*>(scratch + layout_.entries);
    const RunTables tables{reinterpret_cast<std::int32_t*>(scratch + layout_.count),
                           reinterpret_cast<std::int32_t*>(scratch + layout_.starts),
                           reinterpret_cast<std::uint32_t*>(scratch + layout_.rows),
                           reinterpret_cast<std::int32_t*>(scratch + layout_.window_runs)};
    const IndexSource source{indices, table_rows_};
    const dim3 block(kBlockThreads);
    if (is_sorted_by_one_block()) {
        const auto padded = static_cast<std::int32_t>(std::bit_ceil(static_cast<std::uint32_t>(slots_)));
        launch_kernel(&find_runs_by_one_block, dim3(1), block, stream, "sorting slots", source, slots_, padded, entries,
                      tables);
        return {entries, tables.count, tables.starts, tables.rows, tables.window_runs};
    }

    auto* spare = reinterpret_cast<SlotEntry*>(scratch + layout_.spare);
    auto* counts = reinterpret_cast<std::int32_t*>(scratch + layout_.counts);
    auto* totals = reinterpret_cast<std::int32_t*>(scratch + layout_.totals);
    const dim3 grid(static_cast<unsigned>(tiles()));
    const int key_bits = std::max(static_cast<int>(std::bit_width(table_rows_)), 1);
    for (int shift = 0; shift < key_bits; shift += kDigitBits) {
        const EntrySource unsorted{spare};
        shift == 0 ? launch_kernel(&count_digits<IndexSource>, grid, block, stream, "counting digits", source, slots_,
                                   shift, counts)
                   : launch_kernel(&count_digits<EntrySource>, grid, block, stream, "counting digits", unsorted, slots_,
                                   shift, counts);
        launch_kernel(&sum_counts, dim3(kDigits), block, stream, "adding digit counts up", tiles(), counts, totals);
        shift == 0 ? launch_kernel(&move_by_digit<IndexSource>, grid, block, stream, "sorting slots", source, slots_,
                                   shift, counts, totals, entries)
                   : launch_kernel(&move_by_digit<EntrySource>, grid, block, stream, "sorting slots", unsorted, slots_,
                                   shift, counts, totals, entries);
        std::swap(entries, spare);
    }
    const EntrySource sorted{spare};
    launch_kernel(&count_runs<EntrySource>, grid, block, stream, "counting runs", sorted, slots_, table_rows_, counts);
    launch_kernel(&sum_counts, dim3(1), block, stream, "adding run counts up", tiles(), counts, tables.count);
    launch_kernel(&note_tile_runs<EntrySource>, grid, block, stream, "noting runs", sorted, slots_, table_rows_, counts,
                  tables);
    return {spare, tables.count, tables.starts, tables.rows, tables.window_runs};
}

}  // namespace tensile::cuda
