// See series_rows.h.
#include <string_view>

#include "client/replies.h"
#include "pg/boundary.h"
#include "pg/engine_link.h"

#include "pg/model_session.h"
#include "pg/series_rows.h"

extern "C" {
#include "utils/fmgrprotos.h"
}

namespace tensile {
namespace {

using protocol::ElementType;

struct RowWriter {
    const protocol::BlockView* view;
    std::size_t modes;
    bool time_has_zone;
    ReturnSetInfo* result;
    Datum* values;
    bool* nulls;
    // The array of the keys of the row before, which the next rows mostly share.
    const protocol::TextReference** keys;
    std::size_t keys_row;
    bool keys_known;
};

[[noreturn]] void refuse_block() {
    ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION), errmsg("malformed reply from the tensile engine"),
                    errdetail("Its columns are not those of the function's result.")));
    pg_unreachable();
}

bool is_null(const protocol::BlockView& view, std::size_t column, std::size_t row) {
    const std::uint8_t* nulls = view.nulls(column);
    return nulls != nullptr && nulls[row] != 0;
}

Datum text_datum(const protocol::BlockView& view, std::size_t column, std::size_t row) {
    const auto& reference = static_cast<const protocol::TextReference*>(view.values(column))[row];
    return CStringGetTextDatum(from_utf8(pnstrdup(view.heap + reference.offset, reference.length)));
}

// An instant of a model, as the declared type has it.
Datum time_datum(const RowWriter& writer, Oid type, std::int64_t microseconds) {
    if (writer.time_has_zone == (type == TIMESTAMPTZOID)) return TimestampGetDatum(microseconds);
    return type == TIMESTAMPTZOID ? DirectFunctionCall1(timestamp_timestamptz, TimestampGetDatum(microseconds))
                                  : DirectFunctionCall1(timestamptz_timestamp, TimestampTzGetDatum(microseconds));
}

Datum cell(const RowWriter& writer, std::size_t column, std::size_t row, Oid type) {
    const protocol::BlockView& view = *writer.view;
    const void* values = view.values(column);
    switch (type) {
    case INT4OID:
        return Int32GetDatum(static_cast<const std::int32_t*>(values)[row]);
    case INT8OID:
        return Int64GetDatum(static_cast<const std::int64_t*>(values)[row]);
    case FLOAT8OID:
        return Float8GetDatum(static_cast<const double*>(values)[row]);
    case TEXTOID:
        return text_datum(view, column, row);
    default:
        return time_datum(writer, type, static_cast<const std::int64_t*>(values)[row]);
    }
}

ElementType element_of(Oid type) {
    switch (type) {
    case INT4OID:
        return ElementType::kI32;
    case INT8OID:
        return ElementType::kI64;
    case FLOAT8OID:
        return ElementType::kF64;
    case TEXTOID:
        return ElementType::kText;
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return ElementType::kTimestamp;
    default:
        elog(ERROR, "unexpected type %u in the result of a function on series", type);
    }
}

void check_columns(const RowWriter& writer) {
    const TupleDesc row = writer.result->setDesc;
    const protocol::BlockView& view = *writer.view;
    if (view.columns.size() != writer.modes + static_cast<std::size_t>(row->natts) - 1) refuse_block();
    for (std::size_t i = 0; i < writer.modes; ++i)
        if (view.columns[i].type != ElementType::kText) refuse_block();
    for (int i = 1; i < row->natts; ++i)
        if (view.columns[writer.modes + static_cast<std::size_t>(i) - 1].type !=
            element_of(TupleDescAttr(row, i)->atttypid))
            refuse_block();
}

bool same_keys(const RowWriter& writer, std::size_t row) {
    if (!writer.keys_known) return false;
    for (std::size_t i = 0; i < writer.modes; ++i) {
        const auto* references = static_cast<const protocol::TextReference*>(writer.view->values(i));
        if (references[row].offset != references[writer.keys_row].offset ||
            references[row].length != references[writer.keys_row].length ||
            is_null(*writer.view, i, row) != is_null(*writer.view, i, writer.keys_row))
            return false;
    }
    return true;
}

// The keys of a row; NULL when the first one is, which stands for all series.
void read_keys(RowWriter& writer, std::size_t row) {
    if (same_keys(writer, row)) return;
    writer.keys_known = true;
    writer.keys_row = row;
    writer.nulls[0] = writer.modes > 0 && is_null(*writer.view, 0, row);
    if (writer.nulls[0]) return;
    auto* keys = static_cast<Datum*>(palloc(sizeof(Datum) * (writer.modes + 1)));
    for (std::size_t i = 0; i < writer.modes; ++i)
        keys[i] = text_datum(*writer.view, i, row);
    writer.values[0] =
        PointerGetDatum(construct_array(keys, static_cast<int>(writer.modes), TEXTOID, -1, false, TYPALIGN_INT));
}

}  // namespace

bool has_time_zone(const char* type_name) {
    const std::string_view name(type_name);
    return name.starts_with("timestamp") && name.ends_with("with time zone");
}

void emit_series_rows(FunctionCallInfo fcinfo, const client::SeriesResult& result) {
    RowWriter writer{};
    writer.view = &result.view;
    writer.modes = result.modes.size();
    writer.time_has_zone = has_time_zone(result.time.type_name.c_str());
    writer.result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const TupleDesc row_type = writer.result->setDesc;
    writer.values = static_cast<Datum*>(palloc0(sizeof(Datum) * static_cast<std::size_t>(row_type->natts)));
    writer.nulls = static_cast<bool*>(palloc0(sizeof(bool) * static_cast<std::size_t>(row_type->natts)));
    if (result.view.row_count == 0) return;
    check_columns(writer);

    // Conversions allocate; the keys of a series live for as long as its rows come.
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext of_row = AllocSetContextCreate(caller, "tensile result row", ALLOCSET_SMALL_SIZES);
    MemoryContext of_series = AllocSetContextCreate(caller, "tensile result series", ALLOCSET_SMALL_SIZES);
    for (std::size_t row = 0; row < result.view.row_count; ++row) {
        CHECK_FOR_INTERRUPTS();
        if (!same_keys(writer, row)) {
            MemoryContextReset(of_series);
            MemoryContextSwitchTo(of_series);
            read_keys(writer, row);
        }
        MemoryContextSwitchTo(of_row);
        for (int i = 1; i < row_type->natts; ++i) {
            const std::size_t column = writer.modes + static_cast<std::size_t>(i) - 1;
            writer.nulls[i] = is_null(result.view, column, row);
            if (!writer.nulls[i]) writer.values[i] = cell(writer, column, row, TupleDescAttr(row_type, i)->atttypid);
        }
        tuplestore_putvalues(writer.result->setResult, row_type, writer.values, writer.nulls);
        MemoryContextReset(of_row);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(of_row);
    MemoryContextDelete(of_series);
}

}  // namespace tensile
