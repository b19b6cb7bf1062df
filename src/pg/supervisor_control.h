// What a backend can do about the supervisor: see whether one lives, have one started, ask it to stop or restart the
// engine. Knows nothing of connections to the engine. C++: call inside run_cpp().
#pragma once

#include "pg/cpp_only.h"

#include <functional>
#include <optional>

#include "pg/supervisor_state.h"

namespace tensile {

// The state as the supervisor of this run of the server wrote it.
std::optional<SupervisorState> current_supervisor_state();

// The process id of the supervisor if it is alive, else 0.
int live_supervisor(const std::optional<SupervisorState>& state);

// Has a supervisor started, if it is right to do so from here, and waits until `reached` says that its engine can be
// reached; of several callers at once only one starts one. `reached` is called first of all under the lock that orders
// the callers. Throws Error: 53000 no free worker slot, 55000 the engine was stopped on purpose or this process may not
// start it, 57P03 it does not come up.
void start_supervisor(const std::function<bool()>& reached);

// Throws what the engine has said of its failure to start; returns when it has said nothing.
void throw_start_failure(const StartFailure& failure);

// Stops engine and supervisor until restart_engine() or a restart of the server. False when none ran.
bool stop_engine();

// Starts the engine anew, with its supervisor if there is none or it is of another build. The new engine's process id.
int restart_engine();

}  // namespace tensile
