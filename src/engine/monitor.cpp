// Columns and rows of each view.
#include "engine/monitor.h"

#include <unistd.h>

#include <array>
#include <span>
#include <utility>

#include "engine/plan_view.h"
#include "models/model_family.h"
#include "models/options.h"

namespace tensile {

namespace {

using monitor_cell::number;
using monitor_cell::real;
using monitor_cell::text_array;
using monitor_cell::text_or_null;
using monitor_cell::timestamp;
using Cell = MonitorView::Cell;

// The views and their columns, with the SQL types that the extension gives them. "bigint" of bytes and ids, "real"
// numbers as "double precision".
constexpr std::array<std::string_view, 7> kPoolColumns = {
    "session",  // bigint; 0: shared by all sessions
    "pid",      // integer; NULL when shared
    "purpose",  // text: train, model, predict, evaluate
    "label",    // text
    "state",    // text: granted, queued
    "bytes",    // bigint
    "seconds",  // double precision, since granted or queued
};
constexpr std::array<std::string_view, 6> kTensorColumns = {
    "job",      // text
    "program",  // text; NULL for variables
    "tensor",   // text
    "kind",     // text: variable, input, result, scratch, constant
    "bytes",    // bigint
    "offset",   // bigint, within the job's extent
};
constexpr std::array<std::string_view, 12> kProgressColumns = {
    "session",          // bigint
    "pid",              // integer
    "model",            // text
    "method",           // text; NULL for evaluations
    "phase",            // text: reading, packing, queued, training, evaluating
    "epoch",            // integer
    "epochs",           // integer
    "step",             // bigint, of the whole training; while rows are read or evaluated, the rows so far
    "steps",            // bigint
    "loss",             // double precision; NULL before the first step of training
    "rows_per_second",  // double precision, in this phase; NULL when it takes no rows
    "seconds",          // double precision, since the beginning
};
constexpr std::array<std::string_view, 8> kMethodColumns = {
    "method",   // text
    "option",   // text; NULL in the row that describes the method
    "type",     // text: integer, real, boolean, choice, integer array
    "default",  // text, as JSON
    "minimum",  // double precision, inclusive
    "maximum",  // double precision, inclusive
    "choices",  // text[]
    "help",     // text
};
constexpr std::array<std::string_view, 16> kEngineColumns = {
    "device",             // text
    "instruction_set",    // text
    "library",            // text
    "threads",            // integer
    "pool_size",          // bigint
    "pool_used",          // bigint
    "pool_high_water",    // bigint
    "pool_largest_free",  // bigint
    "host_limit",         // bigint
    "host_used",          // bigint
    "sessions",           // integer
    "models_loaded",      // integer
    "queued",             // integer
    "build_id",           // text
    "engine_pid",         // integer
    "started_at",         // timestamp with time zone
};

std::string_view name_of(OptionType type) {
    switch (type) {
    case OptionType::kInteger:
        return "integer";
    case OptionType::kReal:
        return "real";
    case OptionType::kBoolean:
        return "boolean";
    case OptionType::kChoice:
        return "choice";
    case OptionType::kIntegerArray:
        return "integer array";
    }
    return "";
}

}  // namespace

Monitor::Monitor(const Resources& resources, const SessionRegistry& sessions, std::string build_id)
    : resources_(resources),
      sessions_(sessions),
      build_id_(std::move(build_id)),
      started_(std::chrono::system_clock::now()) {}

MonitorView Monitor::view(std::string_view name) const {
    if (name == "pool") return pool();
    if (name == "tensors") return tensors();
    if (name == "progress") return progress();
    if (name == "methods") return methods();
    if (name == "engine") return engine();
    throw Error(sqlstate::kInvalidParameterValue, "tensile engine has no view \"" + std::string(name) + "\"", "",
                "The views are pool, tensors, progress, methods and engine.");
}

MonitorView Monitor::pool() const {
    MonitorView view{kPoolColumns, {}};
    for (const PoolRow& row : resources_.pool.rows())
        view.rows.push_back({number(row.owner.session),
                             row.owner.backend_pid == 0 ? Cell() : number(row.owner.backend_pid), row.owner.purpose,
                             row.owner.label, row.state, number(row.bytes), real(row.seconds)});
    return view;
}

MonitorView Monitor::tensors() const {
    MonitorView view{kTensorColumns, {}};
    for (const auto& session : sessions_.sessions())
        for (TensorRow& row : session->tensors())
            view.rows.push_back({std::move(row.job), text_or_null(std::move(row.program)), std::move(row.tensor),
                                 std::move(row.kind), number(row.bytes), number(row.offset)});
    return view;
}

MonitorView Monitor::progress() const {
    MonitorView view{kProgressColumns, {}};
    for (const auto& session : sessions_.sessions()) {
        std::optional<Activity> activity = session->activity();
        if (!activity) continue;
        const TrainingProgress& progress = activity->progress;
        const bool trains = progress.phase == "training" && (progress.step > 0 || progress.epoch > 1);
        const double rate = activity->rows_per_second;
        view.rows.push_back({number(session->id()), number(session->identity().backend_pid), std::move(activity->model),
                             text_or_null(std::move(activity->method)), progress.phase, number(progress.epoch),
                             number(progress.epochs), number(progress.step), number(progress.steps),
                             trains ? real(progress.loss) : Cell(), rate > 0 ? real(rate) : Cell(),
                             real(activity->seconds)});
    }
    return view;
}

MonitorView Monitor::methods() const {
    MonitorView view{kMethodColumns, {}};
    for (const ModelFamily* family : all_families()) {
        view.rows.push_back(
            {std::string(family->name()), Cell(), Cell(), Cell(), Cell(), Cell(), Cell(), std::string(family->help())});
        for (const OptionDeclaration& option : family->options())
            view.rows.push_back({std::string(family->name()), std::string(option.name),
                                 std::string(name_of(option.type)), std::string(option.default_json),
                                 real(option.minimum), real(option.maximum), text_array(option.choices),
                                 std::string(option.help)});
    }
    return view;
}

MonitorView Monitor::engine() const {
    MonitorView view{kEngineColumns, {}};
    const DeviceProperties& device = resources_.device.properties();
    const PoolSummary pool = resources_.pool.summary();
    view.rows.push_back({device.kind, device.instruction_set, device.library, number(resources_.device.threads()),
                         number(pool.size), number(pool.used), number(pool.high_water), number(pool.largest_free),
                         number(resources_.host.limit()), number(resources_.host.used()),
                         number(sessions_.sessions().size()), number(resources_.models.counters().models),
                         number(pool.queued), build_id_, number(getpid()), timestamp(started_)});
    return view;
}

MonitorView Monitor::plan(const PlanQuery& query) const {
    for (const auto& session : sessions_.sessions()) {
        const SessionIdentity identity = session->identity();
        if (identity.database_name != query.database_name) continue;
        if (!query.user_name.empty() && identity.user_name != query.user_name) continue;
        std::vector<PlanRow> rows = session->plan(query.model, resources_.costs);
        if (rows.empty()) continue;
        keep_telling_rows(rows, kMaxPlanRows);
        return plan_view(rows);
    }
    return plan_view({});
}

void Monitor::reply(const protocol::MonitorRequest& request, std::string_view database_name, SessionPort& port) const {
    const std::string_view name = protocol::text_of(request.view());
    const MonitorView view =
        name == "plan"
            ? plan({protocol::text_of(request.model()), database_name, protocol::text_of(request.user_name())})
            : this->view(name);
    std::size_t next = 0;
    do {
        flatbuffers::FlatBufferBuilder& builder = port.begin();
        port.send(write_part(builder, view, next));
    } while (next < view.rows.size());
}

}  // namespace tensile
