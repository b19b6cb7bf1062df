// Writes rows, as PostgreSQL's executor delivers them, into column blocks (protocol/column_block.h). Knows the buffer
// it writes into and nothing else: neither where rows come from nor where blocks go.
//
// Everything here runs in PostgreSQL frames: it may ereport and holds no C++ destructors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "pg/column_converter.h"

namespace tensile {

struct BlockColumn {
    std::byte* values;
    std::uint8_t* nulls;
    bool has_nulls;
};

// Neighboring columns of one source type, so that the type is looked at once a run and not once a value. Column i is
// the row's attribute i + shift (0-based), which differs where attributes have been passed over.
struct ColumnRun {
    SourceType source;
    int begin;
    int end;
    int shift;
};

struct BlockWriter {
    ColumnConverters converters;
    MemoryContext scratch;  // of one row's conversions
    int run_count;
    ColumnRun* runs;
    BlockColumn* targets;
    protocol::ColumnHeader* headers;
    std::byte* block;
    std::size_t block_bytes;
    std::uint32_t row_limit;
    std::uint32_t capacity;
    std::uint32_t rows;
    char* heap;
    std::size_t heap_offset;
    std::size_t heap_capacity;
    std::size_t heap_used;
};

// A writer in the current memory context that fills blocks of at most `row_limit` rows.
BlockWriter* make_block_writer(const ColumnConverters& converters, std::uint32_t row_limit);

// Begins an empty block in `buffer`, which must be 64-byte aligned. 54000: not even one row fits.
void begin_block(BlockWriter& writer, std::span<std::byte> buffer);

// Empties the block that was begun last, which keeps its layout.
void restart_block(BlockWriter& writer);

// Appends a row, values and nulls by attribute. False: the row was not taken because the block is full; finish the
// block, begin another, append again. The width of an array column is that of its first value; a block in which it is
// NULL throughout may say 1.
bool append_row(BlockWriter& writer, const Datum* values, const bool* nulls);

// Completes the headers and returns the bytes in use.
std::size_t finish_block(BlockWriter& writer);

// Bytes that hold a block of `rows` rows with `heap_bytes` of text.
std::size_t block_size(const BlockWriter& writer, std::uint32_t rows, std::size_t heap_bytes);

}  // namespace tensile
