// How one column of a query becomes one column of a column block: which SQL types are accepted, what each means to a
// model, and the conversion of a single value. Chosen once for a query; knows neither queries nor the engine.
//
// Everything here runs in PostgreSQL frames: it may ereport, holds no C++ destructors, and its structures live in
// memory contexts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/column_block.h"

#include "pg/pg_api.h"

namespace tensile {

// The physical SQL type after domains have been resolved.
enum class SourceType : std::uint8_t {
    kInt2,
    kInt4,
    kInt8,
    kFloat4,
    kFloat8,
    kNumeric,
    kBool,
    kText,  // text, varchar
    kBlankPaddedText,
    kName,
    kEnum,
    kDate,
    kTimestamp,  // with and without time zone: both count microseconds, the latter read as UTC
    kFloat4Array,
    kFloat8Array,
    kVector,  // pgvector
};

// What the engine is told about a column's meaning, in the numbering of protocol::ColumnKind.
enum class ColumnRole : std::uint8_t { kNumber, kBoolean, kText, kTimestamp, kBlock };

struct ColumnConverter {
    const char* name;       // in the converters' memory context
    const char* utf8_name;  // the same for the engine
    const char* type_name;  // as format_type prints it
    Oid type;               // as the query returns it, for AS lists
    std::int32_t type_modifier;
    SourceType source;
    protocol::ElementType element;
    ColumnRole role;
    bool needs_scratch;   // conversion may allocate: the caller resets the current memory context after each row
    std::uint32_t width;  // elements a row; 0 for an array whose first value has not been seen
    HTAB* enum_labels;    // label cache of an enum column, else null
};

struct ColumnConverters {
    int count;
    bool needs_scratch;
    ColumnConverter* columns;
    const int* attributes;  // column i is attribute attributes[i] (0-based) of the descriptor
};

// The columns that a model wants, by name; `types` is what they were when it was trained.
struct WantedColumns {
    int count;
    const char** names;
    const char** types;
};

// Chooses a converter for each column of `descriptor`, or for those of them that are wanted, and allocates in the
// current memory context. Dropped attributes of a table's row type are passed over. Errors: 42601 no column, 42701
// duplicate name, 42703 a wanted column is missing, 42804 unusable type, 54000 too many.
ColumnConverters choose_converters(TupleDesc descriptor, const WantedColumns* wanted = nullptr);

// The text of a value of a text-like column, UTF-8; points into the datum or into memory of the current context.
struct TextValue {
    const char* data;
    std::size_t length;
};
TextValue text_value(ColumnConverter& column, Datum value);

// Microseconds since 2000-01-01 UTC of a date; INT64_MIN and INT64_MAX for the infinities. 22008 beyond timestamps.
std::int64_t date_to_microseconds(const ColumnConverter& column, DateADT date);

// The elements of an array-like value. `narrow` is set for float8, whose elements must be converted.
struct BlockValue {
    const void* elements;
    std::uint32_t width;
    bool is_double;
};
// Errors: 2202E not one-dimensional, 22004 NULL element, 54000 too wide, 22000 empty.
BlockValue block_value(const ColumnConverter& column, Datum value);

}  // namespace tensile
