// See result_rows.h.
#include "pg/result_rows.h"

#include "pg/boundary.h"
#include "tensor/error.h"

#include "pg/pg_api.h"

namespace tensile {
namespace {

ReturnSetInfo* result_info(FunctionCallInfo call) {
    return reinterpret_cast<ReturnSetInfo*>(call->resultinfo);
}

}  // namespace

ResultRows::ResultRows(FunctionCallInfoBaseData* call) : call_(call) {
    const TupleDesc row = call_postgres([&] {
        InitMaterializedSRF(call, 0);
        return result_info(call)->setDesc;
    });
    for (int i = 0; i < row->natts; ++i)
        columns_.emplace_back(NameStr(TupleDescAttr(row, i)->attname));
}

void ResultRows::append(const std::vector<TextRow>& rows) {
    std::vector<const char*> cells;
    cells.reserve(rows.size() * columns_.size());
    for (const TextRow& row : rows) {
        if (row.size() != columns_.size()) throw InternalError("row of a monitoring function has the wrong width");
        for (const auto& cell : row)
            cells.push_back(cell ? cell->c_str() : nullptr);
    }
    call_postgres([&] {
        ReturnSetInfo* result = result_info(call_);
        AttInMetadata* input = TupleDescGetAttInMetadata(result->setDesc);
        const int width = result->setDesc->natts;
        auto** values = static_cast<char**>(palloc(sizeof(char*) * static_cast<std::size_t>(width)));
        for (std::size_t begin = 0; begin < cells.size(); begin += static_cast<std::size_t>(width)) {
            for (int i = 0; i < width; ++i) {
                const char* cell = cells[begin + static_cast<std::size_t>(i)];
                values[i] = cell == nullptr ? nullptr : pg_any_to_server(cell, static_cast<int>(strlen(cell)), PG_UTF8);
            }
            tuplestore_puttuple(result->setResult, BuildTupleFromCStrings(input, values));
        }
    });
}

}  // namespace tensile
