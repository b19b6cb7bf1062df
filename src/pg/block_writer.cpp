// See block_writer.h.
#include <cmath>
#include <cstring>
#include <exception>
#include <vector>

#include "pg/block_writer.h"

namespace tensile {
namespace {

// Expected bytes of a text value: decides how many rows a block with text columns is laid out for.
constexpr std::size_t kExpectedTextBytes = 16;
// Longer texts are neither categories nor anything else that a model could use.
constexpr std::size_t kMaxTextBytes = 64 * 1024;

// Layout of the writer's columns for `capacity` rows. The only function here that uses C++ containers, so it must not
// ereport; a false return means out of memory.
bool compute_layout(const BlockWriter& writer, std::uint32_t capacity, std::size_t& heap_offset) noexcept {
    try {
        std::vector<protocol::ColumnSpec> specs;
        specs.reserve(static_cast<std::size_t>(writer.converters.count));
        for (int i = 0; i < writer.converters.count; ++i) {
            const ColumnConverter& column = writer.converters.columns[i];
            specs.push_back({column.element, std::max(column.width, 1U)});
        }
        const protocol::BlockLayout layout = protocol::lay_out(specs, capacity);
        std::memcpy(writer.headers, layout.columns.data(), layout.columns.size() * sizeof(protocol::ColumnHeader));
        heap_offset = layout.heap_offset;
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

void lay_out_block(BlockWriter& writer, std::uint32_t capacity) {
    if (!compute_layout(writer, capacity, writer.heap_offset))
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

std::size_t row_bytes(const BlockWriter& writer, bool& has_text) {
    std::size_t bytes = 0;
    for (int i = 0; i < writer.converters.count; ++i) {
        const ColumnConverter& column = writer.converters.columns[i];
        bytes += protocol::bytes_per_row(column.element, std::max(column.width, 1U)) + 1;
        if (column.element == protocol::ElementType::kText) {
            bytes += kExpectedTextBytes;
            has_text = true;
        }
    }
    return bytes;
}

void set_null(BlockWriter& writer, int index) {
    BlockColumn& target = writer.targets[index];
    if (!target.has_nulls) {
        std::memset(target.nulls, 0, writer.capacity);
        target.has_nulls = true;
    }
    target.nulls[writer.rows] = 1;
    const ColumnConverter& column = writer.converters.columns[index];
    const std::size_t bytes = protocol::bytes_per_row(column.element, std::max(column.width, 1U));
    std::memset(target.values + bytes * writer.rows, 0, bytes);
}

// One run of columns whose values are numbers of a fixed width; `convert` maps a datum to the element.
template <typename Element, typename Convert>
inline void append_fixed(BlockWriter& writer, const ColumnRun& run, const Datum* values, const bool* nulls,
                         Convert convert) {
    constexpr std::uint32_t kLineElements = 64 / sizeof(Element);
    const std::uint32_t row = writer.rows;
    // Each column is a stream of its own, more of them than the processor's prefetcher follows: its lines are asked for
    // here, a few columns a row and a line or two ahead.
    for (int i = run.begin + static_cast<int>(row % kLineElements); i < run.end; i += kLineElements)
        __builtin_prefetch(reinterpret_cast<Element*>(writer.targets[i].values) + row + 2 * kLineElements, 1);
    for (int i = run.begin; i < run.end; ++i) {
        if (unlikely(nulls[i + run.shift])) {
            set_null(writer, i);
            continue;
        }
        reinterpret_cast<Element*>(writer.targets[i].values)[row] = convert(i, values[i + run.shift]);
    }
}

// What became of a row.
enum class Append : std::uint8_t {
    kTaken,
    kFull,
    kWidened,  // the width of an array column became known by it: the block needs another layout
};

Append append_text(BlockWriter& writer, int index, Datum value) {
    ColumnConverter& column = writer.converters.columns[index];
    const TextValue text = text_value(column, value);
    if (unlikely(text.length > kMaxTextBytes))
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("value of column \"%s\" is too long for a model", column.name),
                        errdetail("It has %zu bytes; the limit is %zu.", text.length, kMaxTextBytes),
                        errhint("Leave the column out of the query, or shorten its values.")));
    if (unlikely(text.length > writer.heap_capacity - writer.heap_used)) {
        if (writer.rows == 0)
            ereport(ERROR,
                    (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the texts of one row are too long for a model"),
                     errdetail("The limit is %zu bytes a row.", writer.heap_capacity)));
        return Append::kFull;
    }
    auto* references = reinterpret_cast<protocol::TextReference*>(writer.targets[index].values);
    references[writer.rows] = {static_cast<std::uint32_t>(writer.heap_used), static_cast<std::uint32_t>(text.length)};
    std::memcpy(writer.heap + writer.heap_used, text.data, text.length);
    writer.heap_used += text.length;
    return Append::kTaken;
}

Append append_block(BlockWriter& writer, int index, Datum value) {
    ColumnConverter& column = writer.converters.columns[index];
    const BlockValue block = block_value(column, value);
    if (unlikely(block.width != column.width)) {
        if (column.width == 0) {
            column.width = block.width;
            return Append::kWidened;
        }
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                        errmsg("array in column \"%s\" has %u elements, earlier ones have %u", column.name, block.width,
                               column.width),
                        errdetail("Blocks are one-dimensional arrays of one length.")));
    }
    float* out =
        reinterpret_cast<float*>(writer.targets[index].values) + static_cast<std::size_t>(writer.rows) * block.width;
    if (!block.is_double) {
        std::memcpy(out, block.elements, sizeof(float) * block.width);
        return Append::kTaken;
    }
    const auto* elements = static_cast<const double*>(block.elements);
    for (std::uint32_t i = 0; i < block.width; ++i) {
        out[i] = static_cast<float>(elements[i]);
        if (unlikely(std::isinf(out[i]) && !std::isinf(elements[i])))
            ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                            errmsg("element %u of an array in column \"%s\" is out of range for type real", i + 1,
                                   column.name)));
    }
    return Append::kTaken;
}

Append append_run(BlockWriter& writer, const ColumnRun& run, const Datum* values, const bool* nulls) {
    switch (run.source) {
    case SourceType::kInt2:
        append_fixed<std::int32_t>(writer, run, values, nulls, [](int, Datum v) { return DatumGetInt16(v); });
        return Append::kTaken;
    case SourceType::kInt4:
        append_fixed<std::int32_t>(writer, run, values, nulls, [](int, Datum v) { return DatumGetInt32(v); });
        return Append::kTaken;
    case SourceType::kInt8:
    case SourceType::kTimestamp:
        append_fixed<std::int64_t>(writer, run, values, nulls, [](int, Datum v) { return DatumGetInt64(v); });
        return Append::kTaken;
    case SourceType::kFloat4:
        append_fixed<float>(writer, run, values, nulls, [](int, Datum v) { return DatumGetFloat4(v); });
        return Append::kTaken;
    case SourceType::kFloat8:
        append_fixed<double>(writer, run, values, nulls, [](int, Datum v) { return DatumGetFloat8(v); });
        return Append::kTaken;
    case SourceType::kNumeric:
        append_fixed<double>(writer, run, values, nulls, [](int, Datum v) {
            return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, v));
        });
        return Append::kTaken;
    case SourceType::kBool:
        append_fixed<std::uint8_t>(writer, run, values, nulls, [](int, Datum v) { return DatumGetBool(v) ? 1 : 0; });
        return Append::kTaken;
    case SourceType::kDate:
        append_fixed<std::int64_t>(writer, run, values, nulls, [&writer](int i, Datum v) {
            return date_to_microseconds(writer.converters.columns[i], DatumGetDateADT(v));
        });
        return Append::kTaken;
    case SourceType::kText:
    case SourceType::kBlankPaddedText:
    case SourceType::kName:
    case SourceType::kEnum:
        for (int i = run.begin; i < run.end; ++i) {
            if (nulls[i + run.shift]) {
                set_null(writer, i);
            } else if (const Append result = append_text(writer, i, values[i + run.shift]); result != Append::kTaken) {
                return result;
            }
        }
        return Append::kTaken;
    case SourceType::kFloat4Array:
    case SourceType::kFloat8Array:
    case SourceType::kVector:
        for (int i = run.begin; i < run.end; ++i) {
            if (nulls[i + run.shift]) {
                set_null(writer, i);
            } else if (const Append result = append_block(writer, i, values[i + run.shift]); result != Append::kTaken) {
                return result;
            }
        }
        return Append::kTaken;
    }
    return Append::kTaken;
}

Append append_runs(BlockWriter& writer, const Datum* values, const bool* nulls) {
    for (int i = 0; i < writer.run_count; ++i) {
        const Append result = append_run(writer, writer.runs[i], values, nulls);
        if (result != Append::kTaken) return result;
    }
    return Append::kTaken;
}

// Converts one row; what the conversions allocate is freed.
Append convert_row(BlockWriter& writer, const Datum* values, const bool* nulls) {
    const std::size_t heap_before = writer.heap_used;
    Append result = Append::kTaken;
    if (writer.converters.needs_scratch) {
        MemoryContext caller = MemoryContextSwitchTo(writer.scratch);
        result = append_runs(writer, values, nulls);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(writer.scratch);
    } else {
        result = append_runs(writer, values, nulls);
    }
    if (unlikely(result != Append::kTaken)) writer.heap_used = heap_before;
    return result;
}

// Lays the begun block out anew for the widths that are known by now, its rows kept. False: they no longer fit, and the
// block is as it was: complete, with a column that is NULL in every row.
bool widen_block(BlockWriter& writer) {
    const BlockWriter before = writer;
    const std::uint32_t rows = writer.rows;
    const std::size_t heap_used = writer.heap_used;
    const std::size_t old_bytes = writer.heap_offset + heap_used;
    const auto column_count = static_cast<std::size_t>(writer.converters.count);
    auto* old_block = static_cast<std::byte*>(palloc(old_bytes));
    auto* old_headers = static_cast<protocol::ColumnHeader*>(palloc(sizeof(protocol::ColumnHeader) * column_count));
    auto* old_targets = static_cast<BlockColumn*>(palloc(sizeof(BlockColumn) * column_count));
    std::memcpy(old_block, writer.block, old_bytes);
    std::memcpy(old_headers, writer.headers, sizeof(protocol::ColumnHeader) * column_count);
    std::memcpy(old_targets, writer.targets, sizeof(BlockColumn) * column_count);
    const std::byte* old_heap = old_block + writer.heap_offset;

    begin_block(writer, {writer.block, writer.block_bytes});
    const bool fits = rows <= writer.capacity && heap_used <= writer.heap_capacity;
    for (std::size_t i = 0; fits && i < column_count; ++i) {
        const protocol::ColumnHeader& header = writer.headers[i];
        const bool widened = header.width != old_headers[i].width;  // NULL in every row so far
        const std::size_t bytes = rows * protocol::bytes_per_row(header.type, header.width);
        if (widened) {
            std::memset(writer.targets[i].values, 0, bytes);
        } else {
            std::memcpy(writer.targets[i].values, old_block + old_headers[i].values_offset, bytes);
        }
        writer.targets[i].has_nulls = old_targets[i].has_nulls;
        if (!old_targets[i].has_nulls) continue;
        std::memset(writer.targets[i].nulls, 0, writer.capacity);
        std::memcpy(writer.targets[i].nulls, old_block + old_headers[i].nulls_offset, rows);
    }
    if (fits) {
        std::memcpy(writer.heap, old_heap, heap_used);
        writer.heap_used = heap_used;
        writer.rows = rows;
    } else {
        writer = before;
        std::memcpy(writer.block, old_block, old_bytes);
        std::memcpy(writer.headers, old_headers, sizeof(protocol::ColumnHeader) * column_count);
        std::memcpy(writer.targets, old_targets, sizeof(BlockColumn) * column_count);
    }
    pfree(old_block);
    pfree(old_headers);
    pfree(old_targets);
    return fits;
}

}  // namespace

BlockWriter* make_block_writer(const ColumnConverters& converters, std::uint32_t row_limit) {
    auto* writer = static_cast<BlockWriter*>(palloc0(sizeof(BlockWriter)));
    writer->converters = converters;
    writer->row_limit = row_limit;
    writer->scratch = AllocSetContextCreate(CurrentMemoryContext, "tensile row conversion", ALLOCSET_SMALL_SIZES);
    writer->targets = static_cast<BlockColumn*>(palloc0(sizeof(BlockColumn) * converters.count));
    writer->headers = static_cast<protocol::ColumnHeader*>(palloc0(sizeof(protocol::ColumnHeader) * converters.count));
    writer->runs = static_cast<ColumnRun*>(palloc0(sizeof(ColumnRun) * converters.count));
    for (int i = 0; i < converters.count; ++i) {
        const SourceType source = converters.columns[i].source;
        const int shift = converters.attributes[i] - i;
        const ColumnRun* last = i > 0 ? &writer->runs[writer->run_count - 1] : nullptr;
        if (last == nullptr || last->source != source || last->shift != shift)
            writer->runs[writer->run_count++] = {source, i, i, shift};
        writer->runs[writer->run_count - 1].end = i + 1;
    }
    return writer;
}

std::size_t block_size(const BlockWriter& writer, std::uint32_t rows, std::size_t heap_bytes) {
    std::size_t heap_offset = 0;
    if (!compute_layout(writer, rows, heap_offset))
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    return heap_offset + heap_bytes;
}

void begin_block(BlockWriter& writer, std::span<std::byte> buffer) {
    bool has_text = false;
    const std::size_t bytes_a_row = row_bytes(writer, has_text);
    lay_out_block(writer, 0);
    // Each column's values and nulls are aligned to 64 bytes.
    const std::size_t fixed = writer.heap_offset + static_cast<std::size_t>(writer.converters.count) * 2 * 64;
    const std::size_t room = buffer.size() > fixed ? buffer.size() - fixed : 0;
    const std::size_t capacity = std::min(room / bytes_a_row, static_cast<std::size_t>(writer.row_limit));
    if (capacity == 0)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the rows of the query are too wide"),
                        errdetail("A row takes %zu bytes; the limit is %zu.", bytes_a_row, room)));
    writer.capacity = static_cast<std::uint32_t>(capacity);
    lay_out_block(writer, writer.capacity);
    writer.block = buffer.data();
    writer.block_bytes = buffer.size();
    writer.rows = 0;
    writer.heap = reinterpret_cast<char*>(buffer.data()) + writer.heap_offset;
    writer.heap_capacity = buffer.size() - writer.heap_offset;
    writer.heap_used = 0;
    for (int i = 0; i < writer.converters.count; ++i) {
        writer.targets[i] = {buffer.data() + writer.headers[i].values_offset,
                             reinterpret_cast<std::uint8_t*>(buffer.data()) + writer.headers[i].nulls_offset, false};
    }
}

void restart_block(BlockWriter& writer) {
    writer.rows = 0;
    writer.heap_used = 0;
    for (int i = 0; i < writer.converters.count; ++i)
        writer.targets[i].has_nulls = false;
}

bool append_row(BlockWriter& writer, const Datum* values, const bool* nulls) {
    if (unlikely(writer.rows == writer.capacity)) return false;
    Append result = convert_row(writer, values, nulls);
    while (unlikely(result == Append::kWidened)) {
        if (!widen_block(writer)) return false;
        result = writer.rows < writer.capacity ? convert_row(writer, values, nulls) : Append::kFull;
    }
    if (unlikely(result == Append::kFull)) return false;
    ++writer.rows;
    return true;
}

std::size_t finish_block(BlockWriter& writer) {
    const std::size_t used = writer.heap_offset + writer.heap_used;
    const protocol::BlockHeader header{protocol::kBlockMagic, static_cast<std::uint32_t>(writer.converters.count),
                                       writer.rows,           writer.capacity,
                                       writer.heap_offset,    writer.heap_used};
    for (int i = 0; i < writer.converters.count; ++i)
        writer.headers[i].has_nulls = writer.targets[i].has_nulls ? 1 : 0;
    std::memcpy(writer.block, &header, sizeof(header));
    std::memcpy(writer.block + sizeof(header), writer.headers,
                sizeof(protocol::ColumnHeader) * static_cast<std::size_t>(writer.converters.count));
    return used;
}

}  // namespace tensile
