// Columns and rows of each view.
#include "engine/monitor.h"

#include <unistd.h>

#include <array>
#include <map>
#include <span>
#include <utility>

#include "engine/link_view.h"
#include "engine/plan_view.h"
#include "memory/byte_size.h"
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
constexpr std::array<std::string_view, 18> kPoolColumns = {
    "session",    // bigint; 0: shared by all sessions
    "pid",        // integer; NULL when shared
    "purpose",    // text: train, model, predict, evaluate
    "label",      // text
    "state",      // text: granted, queued
    "bytes",      // bigint
    "seconds",    // double precision, since granted or queued
    "waits_for",  // text; NULL unless queued
    // Of trainings that run; NULL for all others.
    "state_bytes",        // bigint, in the pool also between steps
    "step_bytes",         // bigint, the part of the shared step region that it uses
    "comfortable_bytes",  // bigint, with which nothing would move
    "resident_bytes",     // bigint, state and step together
    "swapped_bytes",      // bigint, of the spill file
    "copied_out",         // bigint, bytes so far
    "copied_in",          // bigint, bytes so far
    "recompute_seconds",  // double precision, spent so far on ops that ran again
    "stall_seconds",      // double precision, spent so far waiting for copies
    "replans",            // bigint, plans that have replaced the first one
};
constexpr std::array<std::string_view, 6> kTensorColumns = {
    "job",      // text
    "program",  // text; NULL for variables
    "tensor",   // text
    "kind",     // text: variable, input, result, scratch, constant
    "bytes",    // bigint
    "offset",   // bigint, within the job's extent; NULL for variables in the spill file
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
constexpr std::array<std::string_view, 22> kEngineColumns = {
    "device",             // text
    "instruction_set",    // text
    "library",            // text
    "device_name",        // text; like the three that follow NULL where the pool is host memory
    "driver",             // text
    "device_memory",      // bigint
    "device_free",        // bigint, bytes that no process holds
    "threads",            // integer
    "pool_size",          // bigint
    "pool_used",          // bigint
    "pool_high_water",    // bigint
    "pool_largest_free",  // bigint
    "host_limit",         // bigint
    "host_used",          // bigint
    "pinned_limit",       // bigint, of host_used; NULL without pinned memory
    "pinned_used",        // bigint
    "sessions",           // integer
    "models_loaded",      // integer
    "queued",             // integer
    "build_id",           // text
    "engine_pid",         // integer
    "started_at",         // timestamp with time zone
};

// Why a request is not served yet; `ahead` is the oldest one, null if that is this one.
std::string reason_of_waiting(const PoolRow& row, const PoolRow* ahead, const PoolSummary& pool) {
    if (ahead != nullptr)
        return "the request of session " + std::to_string(ahead->owner.session) + " (" + ahead->owner.purpose + " " +
               ahead->owner.label + ")";
    const std::uint64_t free = pool.size > pool.used ? pool.size - pool.used : 0;
    return format_bytes(row.bytes) + " in one piece; " + format_bytes(free) + " are free, " +
           format_bytes(pool.largest_free) + " of them in one piece";
}

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
    case OptionType::kText:
        return "text";
    case OptionType::kTextArray:
        return "text array";
    case OptionType::kTextMap:
        return "object";
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
    if (name == "link") return link_view(resources_.jobs.link, resources_.jobs.lanes, resources_.jobs.bridge);
    if (name == "tensors") return tensors();
    if (name == "progress") return progress();
    if (name == "methods") return methods();
    if (name == "engine") return engine();
    throw Error(sqlstate::kInvalidParameterValue, "tensile engine has no view \"" + std::string(name) + "\"", "",
                "The views are pool, link, tensors, progress, methods and engine.");
}

MonitorView Monitor::pool() const {
    std::map<std::uint64_t, JobUsage> usages;  // by session
    for (const auto& session : sessions_.sessions())
        if (const std::optional<JobUsage> usage = session->usage()) usages[session->id()] = *usage;
    const PoolSummary summary = resources_.pool.summary();
    const PoolRow* first_queued = nullptr;
    const std::vector<PoolRow> rows = resources_.pool.rows();
    MonitorView view{kPoolColumns, {}};
    for (const PoolRow& row : rows) {
        const bool is_queued = row.state == "queued";
        std::vector<Cell>& cells = view.rows.emplace_back(std::vector<Cell>{
            number(row.owner.session), row.owner.backend_pid == 0 ? Cell() : number(row.owner.backend_pid),
            row.owner.purpose, row.owner.label, row.state, number(row.bytes), real(row.seconds),
            is_queued ? Cell(reason_of_waiting(row, first_queued, summary)) : Cell()});
        if (is_queued && first_queued == nullptr) first_queued = &row;
        const auto usage = usages.find(row.owner.session);
        if (row.owner.purpose == "train" && !is_queued && usage != usages.end()) {
            const JobUsage& used = usage->second;
            cells.insert(cells.end(),
                         {number(used.resident_bytes), number(used.granted_bytes - used.resident_bytes),
                          number(used.comfortable_bytes), number(used.granted_bytes), number(used.host_bytes),
                          number(used.moved.out_bytes), number(used.moved.in_bytes), real(used.moved.recompute_seconds),
                          real(used.moved.stall_seconds), number(used.replans)});
        }
        cells.resize(kPoolColumns.size());
    }
    return view;
}

MonitorView Monitor::tensors() const {
    MonitorView view{kTensorColumns, {}};
    for (const auto& session : sessions_.sessions())
        for (TensorRow& row : session->tensors())
            view.rows.push_back({std::move(row.job), text_or_null(std::move(row.program)), std::move(row.tensor),
                                 std::move(row.kind), number(row.bytes), row.offset ? number(*row.offset) : Cell()});
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
    const std::optional<DeviceHardware> hardware = resources_.device.hardware();
    const DeviceBridge* bridge = resources_.jobs.bridge;
    view.rows.push_back({device.kind,
                         device.instruction_set,
                         device.kernel_library,
                         hardware ? Cell(hardware->name) : Cell(),
                         hardware ? Cell(hardware->driver) : Cell(),
                         hardware ? number(hardware->memory_bytes) : Cell(),
                         hardware ? number(hardware->free_bytes) : Cell(),
                         number(resources_.device.threads()),
                         number(pool.size),
                         number(pool.used),
                         number(pool.high_water),
                         number(pool.largest_free),
                         number(resources_.host.limit()),
                         number(resources_.host.used()),
                         bridge != nullptr ? number(bridge->arena().limit()) : Cell(),
                         bridge != nullptr ? number(bridge->arena().used()) : Cell(),
                         number(sessions_.sessions().size()),
                         number(resources_.models.counters().models),
                         number(pool.queued),
                         build_id_,
                         number(getpid()),
                         timestamp(started_)});
    return view;
}

MonitorView Monitor::plan(const PlanQuery& query) const {
    for (const auto& session : sessions_.sessions()) {
        const SessionIdentity identity = session->identity();
        if (identity.database_name != query.database_name) continue;
        if (!query.user_name.empty() && identity.user_name != query.user_name) continue;
        std::vector<PlanRow> rows = session->plan(query.model);
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
