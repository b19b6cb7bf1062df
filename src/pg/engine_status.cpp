// tensile.engine_status(), stop_engine() and restart_engine(). The status is always one row and never an error: what it
// cannot find out it leaves NULL, and says why.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/boundary.h"
#include "pg/engine_link.h"
#include "pg/engine_monitor.h"
#include "pg/result_rows.h"
#include "pg/service_policy.h"
#include "pg/supervisor_control.h"
#include "tensor/error.h"

#include "pg/pg_api.h"

namespace tensile {
namespace {

std::optional<std::string> text_or_null(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

std::optional<std::string> process_or_null(int pid) {
    return pid == 0 ? std::nullopt : std::optional(std::to_string(pid));
}

// In the input syntax of text[].
std::string array_of(const std::vector<std::string>& texts) {
    std::string array = "{";
    for (const std::string& text : texts) {
        if (array.size() > 1) array += ',';
        array += '"';
        for (const char c : text) {
            if (c == '"' || c == '\\') array += '\\';
            array += c;
        }
        array += '"';
    }
    return array + "}";
}

class Status {
  public:
    explicit Status(const std::vector<std::string>& columns) : columns_(columns), row_(columns.size()) {}

    void set(std::string_view column, std::optional<std::string> value) {
        const auto found = std::find(columns_.begin(), columns_.end(), column);
        if (found != columns_.end()) row_[static_cast<std::size_t>(found - columns_.begin())] = std::move(value);
    }
    TextRow take() { return std::move(row_); }

  private:
    const std::vector<std::string>& columns_;
    TextRow row_;
};

// Why no engine is running, or nothing.
std::optional<std::string> explain(const std::optional<SupervisorState>& state, int supervisor) {
    if (supervisor == 0 && state && state->stopped_on_request)
        return "It was stopped with tensile.stop_engine(); tensile.restart_engine() starts it.";
    if (supervisor == 0) return "No supervisor is running; the first call that needs the engine starts it.";
    if (state->state == "backing off") return "It failed and is about to be started again.";
    if (state->state == "starting") return "It does not serve yet.";
    return std::nullopt;
}

void describe_supervisor_state(Status& status, const SupervisorState& state) {
    status.set("restarts", std::to_string(state.restarts));
    status.set("last_failure", text_or_null(state.last_failure));
    status.set("last_failure_at", text_or_null(state.last_failure_at));
    status.set("build_id", text_or_null(state.build_id));
}

// What only the engine knows.
void describe_engine(Status& status) {
    const client::MonitorTable table = read_monitor(EngineSession::shared(EngineStart::kNever), "engine");
    if (table.rows.empty()) return;
    const auto& cells = table.rows.front();
    for (std::size_t i = 0; i < table.columns.size() && i < cells.size(); ++i)
        status.set(table.columns[i], cells[i]);
}

std::vector<std::string> warnings(const std::optional<SupervisorState>& state, int supervisor) {
    std::vector<std::string> warnings;
    if (auto warning = service_policy_warning()) warnings.push_back(std::move(*warning));
    if (supervisor != 0 && !state->device_warning.empty()) warnings.push_back(state->device_warning);
    if (supervisor != 0 && state->build_id != TENSILE_BUILD_ID)
        warnings.push_back(
            "The running engine is of build " + state->build_id +
            ", this session uses build " TENSILE_BUILD_ID
            ". Call tensile.restart_engine(), or restart the server if shared_preload_libraries has \"tensile\".");
    return warnings;
}

}  // namespace

TENSILE_SQL_FUNCTION(tensile_engine_status) {
    ResultRows result(fcinfo);
    Status status(result.columns());
    const auto state = current_supervisor_state();
    const int supervisor = live_supervisor(state);
    std::string shown = supervisor != 0 ? state->state : "stopped";
    std::optional<std::string> detail = explain(state, supervisor);
    if (state) describe_supervisor_state(status, *state);
    if (shown == "running") {
        try {
            describe_engine(status);
        } catch (const Error& error) {
            detail = "The engine does not tell more: " + error.message() + ".";
        }
    }
    if (supervisor != 0) {
        status.set("engine_pid", process_or_null(state->engine_pid));
        status.set("started_at", state->engine_pid != 0 ? text_or_null(state->started_at) : std::nullopt);
    }
    status.set("state", std::move(shown));
    status.set("detail", std::move(detail));
    status.set("supervisor_pid", process_or_null(supervisor));
    status.set("warnings", array_of(warnings(state, supervisor)));
    result.append({status.take()});
    return 0;
}

TENSILE_SQL_FUNCTION(tensile_stop_engine) {
    return BoolGetDatum(stop_engine());
}

TENSILE_SQL_FUNCTION(tensile_restart_engine) {
    return Int32GetDatum(restart_engine());
}

}  // namespace tensile
