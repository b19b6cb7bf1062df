// What the supervisor tells about itself and its engine, in a file of the run directory, so that it can be read also
// while no engine runs. Written by the supervisor only, atomically; read by anybody. Knows nothing of PostgreSQL.
#pragma once

#include "pg/cpp_only.h"

#include <cstdint>
#include <optional>
#include <string>

namespace tensile {

// Why the engine cannot start, as it says itself; clients are told the same. Without a message: no such failure.
struct StartFailure {
    std::string sqlstate;
    std::string message;
    std::string detail;
    std::string hint;

    bool operator==(const StartFailure&) const = default;
};

struct SupervisorState {
    std::string build_id;
    std::int64_t server_started_at =
        0;  // tells a file that an earlier run of the server left; microseconds as TimestampTz
    int supervisor_pid = 0;
    int engine_pid = 0;               // 0: none
    std::string state;                // starting, running, backing off, stopped
    bool stopped_on_request = false;  // by tensile.stop_engine(): nobody may start it but restart_engine()
    std::int64_t restarts = 0;
    int failed_starts = 0;     // in a row, of an engine that did not even get ready
    std::string started_at;    // of the engine; ISO 8601, UTC
    std::string device;        // as the running engine names it
    std::string last_failure;  // empty: none
    std::string last_failure_at;
    StartFailure start_failure;
    std::string device_warning;  // the device is not used because it has failed too often; empty: nothing to tell

    bool operator==(const SupervisorState&) const = default;
};

// Throws Error 58030.
void write_supervisor_state(const SupervisorState& state);

// Nothing when there is no file, or none that can be read.
std::optional<SupervisorState> read_supervisor_state();

// The present time as the state file spells it.
std::string utc_now();

}  // namespace tensile
