// Columns of the view "plan".
#include "engine/plan_view.h"

#include <array>

namespace tensile {

namespace {

constexpr std::array<std::string_view, 12> kPlanColumns = {
    "program",            // text
    "tensor",             // text
    "kind",               // text: variable, input, result, constant
    "bytes",              // bigint
    "decision",           // text: keep, swap, drop, recompute, away
    "stays",              // integer, of one run of the program, as all that follow
    "copied_out",         // bigint, bytes
    "copied_in",          // bigint, bytes
    "copy_seconds",       // double precision; NULL while the link is not measured
    "recompute_seconds",  // double precision
    "first_op",           // text; NULL when no op uses the tensor
    "last_op",            // text
};

}  // namespace

MonitorView plan_view(std::span<const PlanRow> rows) {
    using monitor_cell::number;
    using monitor_cell::real;
    using monitor_cell::text_or_null;
    MonitorView view{kPlanColumns, {}};
    view.rows.reserve(rows.size());
    for (const PlanRow& row : rows)
        view.rows.push_back({row.program, row.tensor, row.kind, number(row.bytes), row.decision, number(row.stays),
                             number(row.copied_out), number(row.copied_in), real(row.copy_seconds),
                             real(row.recompute_seconds), text_or_null(row.first_op), text_or_null(row.last_op)});
    return view;
}

void send_plan(std::span<const PlanRow> rows, SessionPort& port) {
    const MonitorView view = plan_view(rows);
    std::size_t next = 0;
    while (next < view.rows.size()) {
        flatbuffers::FlatBufferBuilder& builder = port.begin();
        const auto part = write_part(builder, view, next);
        port.send(protocol::CreateTrainPlan(builder, part));
    }
}

}  // namespace tensile
