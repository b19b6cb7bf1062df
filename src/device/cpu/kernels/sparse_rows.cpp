// Kernels of embeddings and row-sparse gradients: looking rows up, scattering, merging and densifying them.
#include <bit>
#include <cstring>

#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/sparse_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE void copy_row(float* to, const float* from, std::int64_t width) {
    std::memcpy(to, from, static_cast<std::size_t>(width) * sizeof(float));
}
HWY_INLINE void zero_row(float* to, std::int64_t width) {
    std::memset(to, 0, static_cast<std::size_t>(width) * sizeof(float));
}
HWY_INLINE void add_row(float* to, const float* row, std::int64_t width) {
    map(
        width, to, [](FloatVector a, FloatVector b) { return hn::Add(a, b); }, to, row);
}

// Rows so that a tile moves kElementsPerTile elements.
std::int64_t rows_per_tile(std::int64_t width) {
    return std::max<std::int64_t>(kElementsPerTile / std::max<std::int64_t>(width, 1), 1);
}

void gather_rows_rows(const TileCall& call) noexcept {
    const std::int64_t table_rows = call.inputs[0].type.shape[0];
    const std::int64_t width = call.inputs[0].type.shape[1];
    const std::int64_t lookups = call.inputs[1].type.shape.row_width();
    for (std::int64_t i = call.begin * lookups; i < call.end * lookups; ++i) {
        const std::int64_t row = call.indices(1)[i];
        if (row >= 0 && row < table_rows) {
            copy_row(call.output(0) + i * width, call.input(0) + row * width, width);
        } else {
            zero_row(call.output(0) + i * width, width);
        }
    }
}

// Tiles are rows of the batch.
void gather_rows_gradient_rows(const TileCall& call) noexcept {
    const std::int64_t table_rows = call.attributes.integer("table_rows");
    const std::int64_t width = call.outputs[0].type.shape[1];
    const std::int64_t lookups = call.inputs[0].type.shape.row_width();
    const std::int64_t present = call.inputs[0].extent * lookups;
    auto* slot_indices = static_cast<std::int32_t*>(call.outputs[1].data);
    for (std::int64_t i = call.begin * lookups; i < call.end * lookups; ++i) {
        const std::int32_t row = i < present ? call.indices(0)[i] : -1;
        if (row >= 0 && row < table_rows) {
            slot_indices[i] = row;
            copy_row(call.output(0) + i * width, call.input(1) + i * width, width);
        } else {
            slot_indices[i] = -1;
            zero_row(call.output(0) + i * width, width);
        }
    }
}

KernelPlan gather_rows_gradient_plan(const NodeTypes& node) {
    return {
        {{&gather_rows_gradient_rows, node.inputs[0].shape.rows(), rows_per_tile(node.inputs[1].shape.row_width())}},
        0};
}

// merge_rows sorts the used slots by index, stably, and notes where each run of equal indices starts; then tiles of
// output slots add up one run each.
struct MergeScratch {
    struct Entry {
        std::int32_t index;
        std::int32_t slot;
    };
    static constexpr int kDigitBits = 11;
    static constexpr std::int64_t kDigits = std::int64_t{1} << kDigitBits;

    std::int64_t* run_count;
    std::int32_t* run_starts;  // of each run, and the end of the last
    std::int32_t* histogram;
    Entry* entries;
    Entry* spare;

    MergeScratch(std::byte* scratch, std::int64_t slots) {
        run_count = reinterpret_cast<std::int64_t*>(scratch);
        entries = reinterpret_cast<Entry*>(run_count + 1);
        spare = entries + slots;
        histogram = reinterpret_cast<std::int32_t*>(spare + slots);
        run_starts = histogram + kDigits;
    }

    static std::size_t bytes(std::int64_t slots) {
        return sizeof(std::int64_t) + static_cast<std::size_t>(2 * slots) * sizeof(Entry) +
               static_cast<std::size_t>(kDigits + slots + 1) * sizeof(std::int32_t);
    }
};

// Least significant digit first; each pass keeps the order of equal digits. Returns where the sorted entries are.
MergeScratch::Entry* sort_by_index(const MergeScratch& scratch, std::int64_t count, std::int64_t table_rows) {
    const int bits = std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(table_rows - 1, 0)));
    MergeScratch::Entry* from = scratch.entries;
    MergeScratch::Entry* to = scratch.spare;
    for (int shift = 0; shift < bits; shift += MergeScratch::kDigitBits) {
        const auto digit = [shift](const MergeScratch::Entry& entry) {
            return (entry.index >> shift) & (MergeScratch::kDigits - 1);
        };
        std::fill(scratch.histogram, scratch.histogram + MergeScratch::kDigits, 0);
        for (std::int64_t i = 0; i < count; ++i)
            ++scratch.histogram[digit(from[i])];
        std::int32_t before = 0;
        for (std::int64_t value = 0; value < MergeScratch::kDigits; ++value)
            before += std::exchange(scratch.histogram[value], before);
        for (std::int64_t i = 0; i < count; ++i)
            to[scratch.histogram[digit(from[i])]++] = from[i];
        std::swap(from, to);
    }
    return from;
}

void merge_rows_sort(const TileCall& call) noexcept {
    const std::int64_t table_rows = call.attributes.integer("table_rows");
    const std::int64_t slots = call.inputs[0].type.shape[0];
    const MergeScratch scratch(call.scratch, slots);
    std::int64_t count = 0;
    for (std::int64_t slot = 0; slot < slots; ++slot) {
        const std::int32_t index = call.indices(1)[slot];
        if (index >= 0 && index < table_rows) scratch.entries[count++] = {index, static_cast<std::int32_t>(slot)};
    }
    const MergeScratch::Entry* sorted = sort_by_index(scratch, count, table_rows);
    if (sorted != scratch.entries) std::copy(sorted, sorted + count, scratch.entries);

    auto* merged_indices = static_cast<std::int32_t*>(call.outputs[1].data);
    std::int64_t runs = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        if (i > 0 && scratch.entries[i].index == scratch.entries[i - 1].index) continue;
        merged_indices[runs] = scratch.entries[i].index;
        scratch.run_starts[runs++] = static_cast<std::int32_t>(i);
    }
    scratch.run_starts[runs] = static_cast<std::int32_t>(count);
    *scratch.run_count = runs;
    std::fill(merged_indices + runs, merged_indices + call.outputs[1].type.shape[0], -1);
}

void merge_rows_sum(const TileCall& call) noexcept {
    const std::int64_t width = call.inputs[0].type.shape[1];
    const MergeScratch scratch(call.scratch, call.inputs[0].type.shape[0]);
    for (std::int64_t run = call.begin; run < call.end; ++run) {
        float* merged = call.output(0) + run * width;
        if (run >= *scratch.run_count) {
            zero_row(merged, width);
            continue;
        }
        const std::int64_t first = scratch.run_starts[run];
        copy_row(merged, call.input(0) + scratch.entries[first].slot * width, width);
        for (std::int64_t i = first + 1; i < scratch.run_starts[run + 1]; ++i)
            add_row(merged, call.input(0) + scratch.entries[i].slot * width, width);
    }
}

KernelPlan merge_rows_plan(const NodeTypes& node) {
    const Shape& merged = node.outputs[0].shape;
    return {{{&merge_rows_sort, 1, 1}, {&merge_rows_sum, merged[0], rows_per_tile(merged[1])}},
            MergeScratch::bytes(node.inputs[0].shape[0])};
}

// Each tile owns rows of the table and looks for its rows among all slots.
void densify_rows_table(const TileCall& call) noexcept {
    const std::int64_t slots = call.inputs[0].type.shape[0];
    const std::int64_t width = call.inputs[0].type.shape[1];
    std::memset(call.output(0) + call.begin * width, 0,
                static_cast<std::size_t>((call.end - call.begin) * width) * sizeof(float));
    for (std::int64_t slot = 0; slot < slots; ++slot) {
        const std::int64_t row = call.indices(1)[slot];
        if (row >= call.begin && row < call.end)
            add_row(call.output(0) + row * width, call.input(0) + slot * width, width);
    }
}

KernelPlan densify_rows_plan(const NodeTypes& node) {
    // Every tile reads all indices, so there are few of them.
    constexpr std::int64_t kMostTiles = 64;
    const Shape& table = node.outputs[0].shape;
    return {
        {{&densify_rows_table, table[0], std::max(rows_per_tile(table[1]), (table[0] + kMostTiles - 1) / kMostTiles)}},
        0};
}

}  // namespace

void add_sparse_rows(KernelTable& table) {
    table.add_rows("gather_rows", &gather_rows_rows);
    table.add_plan("gather_rows_gradient", &gather_rows_gradient_plan);
    table.add_plan("merge_rows", &merge_rows_plan);
    table.add_plan("densify_rows", &densify_rows_plan);
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_sparse_rows);
void add_sparse_row_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_sparse_rows)(table);
}
}  // namespace tensile
#endif
