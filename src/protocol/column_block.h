// The layout of rows in transit: a block of columns in one contiguous buffer (inline in a packet, or a memfd segment).
//
//   BlockHeader | ColumnHeader[column_count] | column areas | text heap (shared by all text columns)
//
// Areas are aligned to 64 bytes, in blocks of less than 64 rows to 8 bytes (a single row would be mostly padding). They
// are sized for `capacity` rows, so a writer can fill the block row by row without moving anything; the heap grows at
// the end. All offsets count from the start of the block, which must be 8-byte aligned itself. Integers are in host
// byte order: both ends are one machine. A received block is hostile until validate() has passed; the lengths it
// returns must be used from then on, because the sender may still write into a shared segment. For the same reason a
// reader of a segment copies and checks text references again (an untrusted one can change between the check and the
// use).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tensile::protocol {

inline constexpr std::uint32_t kBlockMagic = 0x544E424B;
inline constexpr std::uint32_t kMaxColumns = 4096;
inline constexpr std::uint32_t kMaxBlockWidth = 16384;  // elements a row of one array column

enum class ElementType : std::uint8_t {
    kF32,        // float
    kF64,        // double
    kI32,        // int32
    kI64,        // int64
    kBool,       // uint8, 0 or 1
    kText,       // TextReference into the heap, UTF-8
    kTimestamp,  // int64 microseconds since 2000-01-01 00:00 UTC; INT64_MIN and INT64_MAX are the infinities
    kBlockF32,   // float[width]
};

struct TextReference {
    std::uint32_t offset;  // from the start of the heap
    std::uint32_t length;
};

struct BlockHeader {
    std::uint32_t magic;
    std::uint32_t column_count;
    std::uint32_t row_count;
    std::uint32_t capacity;
    std::uint64_t heap_offset;
    std::uint64_t heap_bytes;  // used
};

struct ColumnHeader {
    ElementType type;
    std::uint8_t has_nulls;  // 0: the null area must not be read
    std::uint16_t reserved;
    std::uint32_t width;          // elements a row; 1 unless kBlockF32
    std::uint64_t nulls_offset;   // uint8[capacity], 1 = NULL
    std::uint64_t values_offset;  // element[width][capacity]
};

// Bytes of one row of a column.
std::size_t bytes_per_row(ElementType type, std::uint32_t width);

// Where things are in a block of `capacity` rows with the given columns; `heap_offset` is where the heap may begin.
struct ColumnSpec {
    ElementType type;
    std::uint32_t width = 1;
};
struct BlockLayout {
    std::vector<ColumnHeader> columns;
    std::uint64_t heap_offset = 0;
};
BlockLayout lay_out(std::span<const ColumnSpec> columns, std::uint32_t capacity);

// Writes the headers of an empty block. `block` must hold layout.heap_offset bytes at least.
void start_block(std::span<std::byte> block, const BlockLayout& layout, std::uint32_t capacity);

// Private copies of the headers of a block whose every offset and length has been checked against the buffer, text
// references included. Data areas stay in the buffer.
struct BlockView {
    std::uint32_t row_count = 0;
    std::vector<ColumnHeader> columns;
    const std::byte* base = nullptr;
    const char* heap = nullptr;
    std::uint64_t heap_bytes = 0;

    const void* values(std::size_t column) const { return base + columns[column].values_offset; }
    const std::uint8_t* nulls(std::size_t column) const {
        return columns[column].has_nulls != 0
                   ? reinterpret_cast<const std::uint8_t*>(base + columns[column].nulls_offset)
                   : nullptr;
    }
};

// Checks a block; on failure returns nothing and says why in `problem`.
std::optional<BlockView> validate(std::span<const std::byte> block, std::string& problem);

}  // namespace tensile::protocol
