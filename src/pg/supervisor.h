// The supervisor: a background worker that starts the engine, keeps it running and stops it. One per server, by the
// lock of the run directory; a second one ends at once. It is visible in pg_stat_activity, and a superuser may
// terminate it: the postmaster starts it again. It obeys these signals:
//
//   SIGHUP   read the configuration; restart the engine if its device or pool changed, else pass the settings on
//   SIGTERM  stop the engine and end; the postmaster starts the supervisor again unless the server is shutting down
//   SIGUSR2  stop the engine and end for good (tensile.stop_engine())
//   SIGINT   restart the engine (tensile.restart_engine())
//
// Knows nothing of backends and of what the engine does for them.
#pragma once

#include "pg/cpp_only.h"

struct BackgroundWorker;

namespace tensile {

// As pg_stat_activity.backend_type shows it.
inline constexpr char kSupervisorType[] = "tensile supervisor";

// How the postmaster is to run a supervisor. PostgreSQL code: may raise an ERROR, throws nothing.
void describe_supervisor(BackgroundWorker& worker);

// Has the postmaster start one with the server; only while shared_preload_libraries are loaded. PostgreSQL code.
void register_supervisor();

}  // namespace tensile
