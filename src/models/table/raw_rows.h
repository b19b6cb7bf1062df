// Rows as they come from a table, column by column, before any encoding. Non-owning; the engine points it at a received
// block, tests at vectors.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tensile {

// What a column means, which decides its default encoding.
enum class ColumnMeaning : std::uint8_t { kNumber, kBoolean, kText, kTimestamp, kBlock };

struct ColumnDescription {
    std::string name;
    std::string type_name;  // SQL type for messages
    ColumnMeaning meaning = ColumnMeaning::kNumber;
};

// Physical form of the values of one column.
enum class RawType : std::uint8_t { kF32, kF64, kI32, kI64, kBool, kText, kTimestamp, kBlockF32 };

struct TextSlice {
    std::uint32_t offset;  // into the heap
    std::uint32_t length;
};

struct RawColumn {
    RawType type = RawType::kF64;
    const void* values = nullptr;         // element per row: float, double, int32, int64, uint8 (bool), TextSlice,
                                          // int64 microseconds since 2000-01-01 UTC (timestamp), float[width] (block)
    const std::uint8_t* nulls = nullptr;  // 1 = NULL; nullptr: no NULLs
    std::uint32_t width = 1;              // elements a row of a block

    bool is_null(std::int64_t row) const { return nulls != nullptr && nulls[row] != 0; }
    template <typename T>
    const T* as() const {
        return static_cast<const T*>(values);
    }
};

struct RawRows {
    std::int64_t count = 0;
    std::span<const RawColumn> columns;
    const char* heap = nullptr;  // text of all columns

    std::string_view text(const RawColumn& column, std::int64_t row) const {
        const TextSlice slice = column.as<TextSlice>()[row];
        return {heap + slice.offset, slice.length};
    }
};

}  // namespace tensile
