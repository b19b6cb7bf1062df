// See supervisor.h.
#include "pg/supervisor.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/boundary.h"
#include "pg/run_directory.h"
#include "pg/settings.h"
#include "pg/supervisor_process.h"
#include "pg/supervisor_state.h"
#include "pg/wait_set.h"
#include "protocol/exit_status.h"
#include "tensor/error.h"

#include "pg/pg_api.h"

#include "pg/compat.h"

namespace tensile {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kRestartSeconds = 1;               // of the supervisor, by the postmaster
constexpr milliseconds kFirstDelay{100};         // before the second attempt in a row; doubles from there
constexpr milliseconds kLongestDelay{10'000};    // while the engine does not even get ready
constexpr milliseconds kLongestReadyDelay{500};  // while it does: clients wait for it
constexpr seconds kHealthyTime{5};               // an engine that served so long starts the count of failures anew
constexpr int kMostDeviceFaults = 3;             // in a row, before tensile.device = auto gives up the device
constexpr seconds kOrderlyEndLimit{5};
constexpr seconds kStartLimit{60};

// The engine of this build, in the server's library folder wherever that has been put: an installation may be moved.
std::string engine_path() {
    return std::string(pkglib_path) + "/tensile-" TENSILE_BUILD_ID "/tensile-engine";
}

// Set by signal handlers.
volatile sig_atomic_t stop_requested = 0;
volatile sig_atomic_t restart_requested = 0;

void handle_stop_signal(SIGNAL_ARGS) {
    const int saved_errno = errno;
    stop_requested = 1;
    SetLatch(MyLatch);
    errno = saved_errno;
}

void handle_restart_signal(SIGNAL_ARGS) {
    const int saved_errno = errno;
    restart_requested = 1;
    SetLatch(MyLatch);
    errno = saved_errno;
}

void handle_child_signal(SIGNAL_ARGS) {
    const int saved_errno = errno;
    SetLatch(MyLatch);
    errno = saved_errno;
}

void report(int level, const std::string& message, const std::string& detail = {}) {
    call_postgres([&] {
        ereport(level, (errmsg_internal("%s", message.c_str()),
                        detail.empty() ? 0 : errdetail_internal("%s", detail.c_str())));
    });
}

int server_level(EngineLogLevel level) {
    switch (level) {
    case EngineLogLevel::kDebug:
        return DEBUG1;
    case EngineLogLevel::kInfo:
    case EngineLogLevel::kLog:
        return LOG;
    case EngineLogLevel::kWarning:
    case EngineLogLevel::kError:
        return WARNING;  // an ERROR would end this process
    }
    return LOG;
}

enum class Phase {
    kWaiting,   // no engine; the next is started at deadline_
    kStarting,  // spawned; killed at deadline_ if it does not get ready
    kRunning,
    kEnding,  // asked to end; killed at deadline_
};

class Supervisor {
  public:
    explicit Supervisor(RunDirectory directory) : directory_(std::move(directory)) {
        const auto earlier = read_supervisor_state();
        if (earlier) end_stray_engine(earlier->engine_pid, earlier->supervisor_pid);
        directory_.empty();
        listening_ = directory_.listen();
        state_.build_id = TENSILE_BUILD_ID;
        state_.server_started_at = PgStartTime;
        state_.supervisor_pid = MyProcPid;
        wait_event_ = call_postgres([] { return tensile::wait_event("TensileSupervisorMain"); });
    }

    // Returns when the engine has been stopped for a SIGTERM or a stop request.
    void run() {
        while (true) {
            obey_requests();
            if (leaving_ && !engine_) break;
            if (Clock::now() >= deadline_) meet_deadline();
            const std::uint32_t ready = wait();
            if (engine_) {
                listen_to_engine(ready);
                if (const auto status = engine_->try_reap()) engine_ended(*status);
            }
            // Whatever PostgreSQL's functions left behind in this round.
            call_postgres([] { MemoryContextReset(CurrentMemoryContext); });
        }
        directory_.remove_socket();
        state_.stopped_on_request = stop_requested != 0;
        publish("stopped");
    }

  private:
    void obey_requests() {
        if (!leaving_ && (ShutdownRequestPending || stop_requested != 0)) {
            leaving_ = true;
            if (engine_) end_engine();
        }
        if (std::exchange(restart_requested, 0) != 0 && !leaving_) {
            report(LOG, "restarting the tensile engine on request");
            restart_engine();
        }
        if (std::exchange(ConfigReloadPending, false)) {
            call_postgres([] { ProcessConfigFile(PGC_SIGHUP); });
            settings_changed();
        }
    }

    void settings_changed() {
        EngineSettings now = engine_settings();
        if (now == settings_ || leaving_) return;
        const bool needs_restart = now.pool_size != settings_.pool_size || now.device != settings_.device ||
                                   now.pinned_memory != settings_.pinned_memory;
        settings_ = std::move(now);
        if (needs_restart || phase_ == Phase::kWaiting) {
            report(LOG, "restarting the tensile engine for changed settings");
            restart_engine();
        } else if (engine_ && phase_ != Phase::kEnding) {
            engine_->configure(settings_for_engine());
        }
    }

    // With `auto`, a device that has failed too often is left alone until the engine is restarted on purpose.
    bool device_given_up() const { return settings_.device == "auto" && device_faults_ >= kMostDeviceFaults; }

    EngineSettings settings_for_engine() const {
        EngineSettings settings = settings_;
        if (device_given_up()) settings.device = "cpu";
        return settings;
    }

    void restart_engine() {
        failures_ = 0;
        device_faults_ = 0;
        state_.failed_starts = 0;
        state_.start_failure = {};
        state_.device_warning.clear();
        if (engine_) {
            end_engine();
        } else {
            deadline_ = Clock::now();
        }
    }

    void end_engine() {
        if (phase_ == Phase::kEnding) return;
        engine_->terminate();
        phase_ = Phase::kEnding;
        deadline_ = Clock::now() + kOrderlyEndLimit;
    }

    void meet_deadline() {
        switch (phase_) {
        case Phase::kWaiting:
            start_engine();
            break;
        case Phase::kStarting:
            failure_reason_ = "did not get ready in time";
            engine_->kill();
            deadline_ = Clock::time_point::max();
            break;
        case Phase::kEnding:
            report(WARNING,
                   "tensile engine (PID " + std::to_string(engine_->pid()) + ") did not end when asked and is killed");
            engine_->kill();
            deadline_ = Clock::time_point::max();
            break;
        case Phase::kRunning:
            deadline_ = Clock::time_point::max();
            break;
        }
    }

    void start_engine() {
        settings_ = engine_settings();
        failure_reason_.clear();
        memory_kills_ = memory_kills();
        if (std::exchange(started_before_, true)) ++state_.restarts;
        try {
            engine_ = EngineProcess::spawn(engine_path(), kRunDirectory, listening_);
            engine_->configure(settings_for_engine());
        } catch (const Error& error) {
            // Of spawn(): there is no engine. Of configure(): it does not get ready, and is ended by its deadline.
            if (!engine_) return engine_failed(error.message(), /*was_ready=*/false);
            report(WARNING, error.message(), error.detail());
        }
        phase_ = Phase::kStarting;
        deadline_ = Clock::now() + kStartLimit;
        state_.engine_pid = engine_->pid();
        state_.started_at = utc_now();
        publish("starting");
        watch_engine();
    }

    void engine_reports(EngineReport report) {
        if (auto* ready = std::get_if<EngineReady>(&report)) return engine_ready(std::move(ready->device));
        state_.start_failure = std::get<StartFailure>(std::move(report));
        has_told_why_ = true;
    }

    void engine_ready(std::string device) {
        if (phase_ != Phase::kStarting) return;
        phase_ = Phase::kRunning;
        deadline_ = Clock::time_point::max();
        ready_at_ = Clock::now();
        state_.failed_starts = 0;
        state_.start_failure = {};
        // The engine itself has told the log.
        report(DEBUG1, "tensile engine (PID " + std::to_string(engine_->pid()) + ") is ready on device " + device);
        state_.device = std::move(device);
        publish("running");
    }

    void engine_ended(int status) {
        engine_->read_log(log_);
        replay_log();
        if (const auto rest = log_.rest()) replay(*rest);
        if (auto report = engine_->try_receive_report()) engine_reports(std::move(*report));
        const std::string name = "tensile engine (PID " + std::to_string(engine_->pid()) + ")";
        const bool was_ready = !state_.device.empty();
        const bool healthy = was_ready && Clock::now() - ready_at_ >= kHealthyTime;
        const bool expected = phase_ == Phase::kEnding;
        waits_.reset();
        engine_.reset();
        state_.engine_pid = 0;
        state_.device.clear();
        if (expected) {
            report(DEBUG1, name + " " + describe_exit(status));
            phase_ = Phase::kWaiting;
            deadline_ = Clock::now();
            if (!leaving_) publish("backing off");
            return;
        }
        std::string reason = describe_exit(status);
        // An engine that gives up says why; one that is killed does not, and what it said before is unrelated.
        if (!failure_reason_.empty() && (WIFEXITED(status) || phase_ == Phase::kStarting))
            reason += ": " + failure_reason_;
        // The counter is the machine's, so this is a suspicion; but who else sends this signal?
        const bool killed_for_memory =
            WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && memory_kills() > memory_kills_;
        if (killed_for_memory) reason += ", by the kernel for lack of memory";
        if (healthy) failures_ = 0;
        engine_failed(name + " " + reason, was_ready);
        count_device_fault(status, healthy);
    }

    void count_device_fault(int status, bool healthy) {
        if (device_given_up()) return;  // this was an engine on the CPU, which says nothing of the device
        const bool faulted =
            WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(protocol::ExitStatus::kDeviceFault);
        if (!faulted || healthy) device_faults_ = 0;
        if (faulted) ++device_faults_;
        if (!device_given_up()) return;
        const std::string times = std::to_string(kMostDeviceFaults) + " times in a row";
        report(WARNING, "tensile engine goes on with the CPU: its device has failed " + times,
               "tensile.restart_engine() tries the device again.");
        state_.device_warning = "The device has failed " + times +
                                ", so the engine uses the CPU. tensile.restart_engine() tries the device again.";
        publish("backing off");
    }

    void engine_failed(const std::string& message, bool was_ready) {
        ++failures_;
        // Of an engine that ended without a word nobody may be told what an earlier one said.
        if (!std::exchange(has_told_why_, false)) state_.start_failure = {};
        state_.failed_starts = was_ready ? 0 : state_.failed_starts + 1;
        milliseconds delay{0};
        if (failures_ > 1) {
            delay = kFirstDelay * (1 << std::min(failures_ - 2, 10));
            delay = std::min(delay, was_ready ? kLongestReadyDelay : kLongestDelay);
        }
        report(WARNING, message,
               delay.count() == 0 ? "It is started again."
                                  : "It is started again in " + std::to_string(delay.count()) + " ms.");
        state_.last_failure = message;
        state_.last_failure_at = utc_now();
        phase_ = Phase::kWaiting;
        deadline_ = Clock::now() + delay;
        publish("backing off");
    }

    // Waits for a signal, the engine or the deadline; which descriptors of the engine are ready.
    std::uint32_t wait() {
        if (engine_ && !waits_) watch_engine();
        const auto left = std::chrono::ceil<milliseconds>(deadline_ - Clock::now());
        const long timeout = deadline_ == Clock::time_point::max() ? -1L : std::max<long>(0, left.count());
        if (waits_) return waits_->wait(timeout, wait_event_);
        // Without an engine there is a deadline.
        if (timeout > 0) wait_for_latch(timeout, wait_event_);
        return 0;
    }

    void watch_engine() {
        watched_.clear();
        for (const int descriptor : {engine_->log_descriptor(), engine_->control_descriptor()})
            if (descriptor >= 0) watched_.push_back(descriptor);
        waits_ = std::make_unique<WaitSet>(watched_);
    }

    void listen_to_engine(std::uint32_t ready) {
        if (ready == 0) return;
        engine_->read_log(log_);
        replay_log();
        if (auto report = engine_->try_receive_report()) engine_reports(std::move(*report));
        // A closed one would be ready for ever.
        const auto open = [&](int descriptor) {
            return descriptor == engine_->log_descriptor() || descriptor == engine_->control_descriptor();
        };
        if (!std::all_of(watched_.begin(), watched_.end(), open)) waits_.reset();
    }

    void replay_log() {
        while (const auto line = log_.next())
            replay(*line);
    }

    void replay(const EngineLogLine& line) {
        if (line.level == EngineLogLevel::kError) failure_reason_ = line.text;
        report(server_level(line.level), "tensile engine: " + line.text);
    }

    void publish(const char* state) {
        state_.state = state;
        write_supervisor_state(state_);
        const std::string activity =
            std::string("engine ") + state +
            (state_.engine_pid != 0 ? " (PID " + std::to_string(state_.engine_pid) + ")" : std::string());
        call_postgres([&] { pgstat_report_activity(STATE_RUNNING, activity.c_str()); });
    }

    RunDirectory directory_;
    Descriptor listening_;
    EngineSettings settings_;
    SupervisorState state_;
    std::uint32_t wait_event_ = 0;

    Phase phase_ = Phase::kWaiting;
    Clock::time_point deadline_ = Clock::now();
    Clock::time_point ready_at_;
    bool leaving_ = false;
    bool started_before_ = false;
    bool has_told_why_ = false;  // this engine, why it does not start
    int failures_ = 0;           // in a row
    int device_faults_ = 0;      // in a row, of engines that did not serve long
    std::int64_t memory_kills_ = -1;
    std::string failure_reason_;  // what the engine said last before it gave up

    std::optional<EngineProcess> engine_;
    EngineLogLines log_;
    std::vector<int> watched_;
    std::unique_ptr<WaitSet> waits_;  // after engine_: it watches the engine's descriptors
};

// False when another supervisor is at work.
bool supervise() {
    auto directory = RunDirectory::lock();
    if (!directory) return false;
    Supervisor(std::move(*directory)).run();
    return true;
}

}  // namespace

void describe_supervisor(BackgroundWorker& worker) {
    worker = {};
    // With a connection (to no database) it is in pg_stat_activity and can be terminated.
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_ConsistentState;
    worker.bgw_restart_time = kRestartSeconds;
    strlcpy(worker.bgw_library_name, "tensile", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "tensile_supervisor_main", sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_name, kSupervisorType, sizeof worker.bgw_name);
    strlcpy(worker.bgw_type, kSupervisorType, sizeof worker.bgw_type);
}

void register_supervisor() {
    BackgroundWorker worker;
    describe_supervisor(worker);
    RegisterBackgroundWorker(&worker);
}

}  // namespace tensile

extern "C" {

PGDLLEXPORT void tensile_supervisor_main(Datum argument);

void tensile_supervisor_main(Datum) {
    using namespace tensile;
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    pqsignal(SIGUSR2, handle_stop_signal);
    pqsignal(SIGINT, handle_restart_signal);
    pqsignal(SIGCHLD, handle_child_signal);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "tensile supervisor", ALLOCSET_DEFAULT_SIZES));

    const bool supervised = run_cpp([] { return supervise(); });
    if (!supervised) ereport(DEBUG1, (errmsg_internal("another tensile supervisor is at work")));
    // The postmaster starts a worker again that ended with 1, and never one that ended with 0.
    proc_exit(supervised && stop_requested == 0 ? 1 : 0);
}
}
