// The functions behind tensile.pool, tensile.link, tensile.tensors, tensile.progress and tensile.methods: what the
// engine tells, typed. All but the last never start an engine, and have no rows where none runs; the methods are part
// of the manual, so asking for them does.
#include "pg/engine_monitor.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "client/requests.h"
#include "pg/boundary.h"
#include "pg/result_rows.h"
#include "pg/supervisor_control.h"
#include "tensor/error.h"

#include "pg/pg_api.h"

namespace tensile {

client::MonitorTable read_monitor(EngineSession& engine, std::string_view view) {
    client::request_monitor(engine.connection(), view);
    return read_monitor(engine);
}

client::MonitorTable read_monitor(EngineSession& engine) {
    client::MonitorTable table;
    bool more = client::append_monitor_rows(engine.exchange(), table);
    while (more)
        more = client::append_monitor_rows(engine.receive(), table);
    return table;
}

std::vector<TextRow> arranged(client::MonitorTable table, const std::vector<std::string>& wanted) {
    std::vector<std::size_t> sources;
    for (const std::string& name : wanted)
        sources.push_back(static_cast<std::size_t>(std::find(table.columns.begin(), table.columns.end(), name) -
                                                   table.columns.begin()));
    std::vector<TextRow> rows;
    for (auto& cells : table.rows) {
        TextRow row;
        for (const std::size_t source : sources)
            row.push_back(source < cells.size() ? std::move(cells[source]) : std::nullopt);
        rows.push_back(std::move(row));
    }
    return rows;
}

namespace {

Datum return_view(FunctionCallInfo call, std::string_view view, EngineStart start) {
    ResultRows result(call);
    if (start == EngineStart::kIfNeeded || live_supervisor(current_supervisor_state()) != 0)
        result.append(arranged(read_monitor(EngineSession::shared(start), view), result.columns()));
    return 0;
}

}  // namespace

TENSILE_SQL_FUNCTION(tensile_engine_pool) {
    return return_view(fcinfo, "pool", EngineStart::kNever);
}

TENSILE_SQL_FUNCTION(tensile_engine_link) {
    return return_view(fcinfo, "link", EngineStart::kNever);
}

TENSILE_SQL_FUNCTION(tensile_engine_tensors) {
    return return_view(fcinfo, "tensors", EngineStart::kNever);
}

TENSILE_SQL_FUNCTION(tensile_engine_progress) {
    return return_view(fcinfo, "progress", EngineStart::kNever);
}

TENSILE_SQL_FUNCTION(tensile_engine_methods) {
    return return_view(fcinfo, "methods", EngineStart::kIfNeeded);
}

}  // namespace tensile
