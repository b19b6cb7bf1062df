// See supervisor_control.h.
#include "pg/supervisor_control.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

#include "pg/boundary.h"
#include "pg/run_directory.h"
#include "pg/supervisor.h"
#include "pg/wait_set.h"
#include "tensor/error.h"

#include "pg/pg_api.h"

#include "pg/compat.h"

namespace tensile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStartLimit{10};
constexpr std::chrono::seconds kStopLimit{20};
constexpr long kPollMilliseconds = 10;

// A transaction lock that orders those who would start a supervisor. Users' advisory locks are of their database, this
// one is of none.
LOCKTAG start_lock() {
    constexpr uint32 kKey = 0x54454E53;
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, InvalidOid, kKey, 0, 0);
    return tag;
}

[[noreturn]] void fail_to_start(const std::string& detail) {
    throw Error(sqlstate::kCannotConnectNow, "could not start the tensile engine", detail,
                "The server log tells more.");
}

template <typename Condition>
bool wait_until(Condition condition, std::chrono::seconds limit, std::uint32_t wait_event) {
    const auto end = Clock::now() + limit;
    while (!condition()) {
        if (Clock::now() >= end) return false;
        wait_for_latch(kPollMilliseconds, wait_event);
    }
    return true;
}

void register_dynamic_supervisor() {
    const bool registered = call_postgres([] {
        BackgroundWorker worker;
        describe_supervisor(worker);
        return RegisterDynamicBackgroundWorker(&worker, nullptr);
    });
    if (!registered)
        throw Error(sqlstate::kInsufficientResources, "could not start the tensile engine",
                    "No background worker slot is free for its supervisor.",
                    "Increase max_worker_processes, or add \"tensile\" to shared_preload_libraries.");
}

// `anyway`: also after tensile.stop_engine().
void start(const std::function<bool()>& reached, bool anyway) {
    if (IsParallelWorker())
        throw Error(sqlstate::kObjectNotInState, "cannot start the tensile engine from a parallel worker", "",
                    "Add \"tensile\" to shared_preload_libraries, or set max_parallel_workers_per_gather to 0.");
    const std::uint32_t wait_event = call_postgres([] { return tensile::wait_event("TensileEngineStart"); });
    const LOCKTAG tag = start_lock();
    // On an error the end of the transaction releases it (see rule 6 in boundary.h).
    call_postgres([&] { LockAcquire(&tag, ExclusiveLock, false, false); });
    if (!reached()) {
        const auto state = current_supervisor_state();
        if (!anyway && state && state->stopped_on_request)
            throw Error(sqlstate::kObjectNotInState, "the tensile engine has been stopped",
                        "It was stopped with tensile.stop_engine().",
                        "A superuser can start it again with tensile.restart_engine().");
        register_dynamic_supervisor();
        if (!wait_until(reached, kStartLimit, wait_event)) fail_to_start("Its supervisor does not come up.");
    }
    call_postgres([&] { LockRelease(&tag, ExclusiveLock, false); });
}

void signal_supervisor(int pid, int signal) {
    if (::kill(pid, signal) != 0)
        throw Error(sqlstate::kObjectNotInState, "could not signal the supervisor of the tensile engine",
                    std::string(std::strerror(errno)) + ".");
}

bool stop_supervisor(int supervisor) {
    signal_supervisor(supervisor, SIGUSR2);
    const std::uint32_t wait_event = call_postgres([] { return tensile::wait_event("TensileEngineStop"); });
    return wait_until([&] { return live_supervisor(current_supervisor_state()) != supervisor; }, kStopLimit,
                      wait_event);
}

}  // namespace

std::optional<SupervisorState> current_supervisor_state() {
    auto state = read_supervisor_state();
    if (state && state->server_started_at != PgStartTime) state.reset();
    return state;
}

int live_supervisor(const std::optional<SupervisorState>& state) {
    if (!state || state->supervisor_pid == 0) return 0;
    const int pid = state->supervisor_pid;
    // A process id may have been used again, also by another worker.
    const bool alive = call_postgres([&] {
        const char* type = GetBackgroundWorkerTypeByPid(pid);
        return type != nullptr && strcmp(type, kSupervisorType) == 0;
    });
    return alive ? pid : 0;
}

void start_supervisor(const std::function<bool()>& reached) {
    start(reached, /*anyway=*/false);
}

void throw_start_failure(const StartFailure& failure) {
    if (failure.message.empty()) return;
    const bool valid = failure.sqlstate.size() == sqlstate::kSystemError.size();
    throw Error(valid ? failure.sqlstate : std::string(sqlstate::kSystemError), failure.message, failure.detail,
                failure.hint);
}

bool stop_engine() {
    const int supervisor = live_supervisor(current_supervisor_state());
    if (supervisor == 0) return false;
    if (!stop_supervisor(supervisor))
        throw Error(sqlstate::kObjectNotInState, "the tensile engine does not stop", "", "The server log tells more.");
    return true;
}

int restart_engine() {
    const auto before = current_supervisor_state();
    int supervisor = live_supervisor(before);
    if (supervisor != 0 && before->build_id != TENSILE_BUILD_ID) {
        stop_supervisor(supervisor);
        supervisor = 0;
    }
    if (supervisor != 0) signal_supervisor(supervisor, SIGINT);
    int engine = 0;
    const auto running = [&] {
        const auto state = current_supervisor_state();
        if (live_supervisor(state) == 0 || state->state != "running") return false;
        engine = state->engine_pid;
        return !before || engine != before->engine_pid;
    };
    const auto failing = [&] {
        const auto state = current_supervisor_state();
        return state && state->failed_starts > 0 && (!before || state->last_failure_at != before->last_failure_at);
    };
    if (supervisor == 0)
        start([&] { return running() || failing(); }, /*anyway=*/true);
    else
        wait_until([&] { return running() || failing(); }, kStopLimit,
                   call_postgres([] { return tensile::wait_event("TensileEngineStart"); }));
    if (!running()) {
        const auto state = current_supervisor_state();
        if (state) throw_start_failure(state->start_failure);
        fail_to_start(state && !state->last_failure.empty() ? "Last failure: " + state->last_failure + "."
                                                            : std::string());
    }
    return engine;
}

}  // namespace tensile
