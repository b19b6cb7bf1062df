// What other threads may know of a session: who it is, what it is doing, and the flag that makes it stop. Written by
// the session's thread, read by the monitor; knows neither sockets nor services. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "models/model_family.h"
#include "runtime/job_runner.h"

namespace tensile {

struct SessionIdentity {
    std::int32_t backend_pid = 0;
    std::string user_name;
    std::string database_name;
    std::string application_name;
};

// One line of tensile.progress.
struct Activity {
    std::string model;
    std::string method;
    TrainingProgress progress;
    double rows_per_second = 0;
    double seconds = 0;  // since it began
};

class SessionStatus {
  public:
    explicit SessionStatus(std::uint64_t id) : id_(id) {}

    std::uint64_t id() const { return id_; }
    // Set once: the client is gone or the engine is going down. Read per tile by kernels.
    StopFlag& stop() { return stop_; }

    void set_identity(SessionIdentity identity);
    SessionIdentity identity() const;

    void begin_activity(std::string model, std::string method, std::string phase);
    void update_activity(const TrainingProgress& progress, double rows_per_second);
    // In a phase that takes rows: so many more have come, shown as steps.
    void add_rows(std::int64_t rows);
    void end_activity();
    std::optional<Activity> activity() const;

    // The runner whose tensors tensile.tensors shows; nullptr takes it away, and must before it is destroyed.
    void set_runner(const JobRunner* runner);
    std::vector<TensorRow> tensors() const;
    std::optional<JobUsage> usage() const;
    // The plan of the runner, when the activity is about that model.
    std::vector<PlanRow> plan(std::string_view model) const;

  private:
    const std::uint64_t id_;
    StopFlag stop_{false};
    mutable std::mutex mutex_;
    SessionIdentity identity_;
    std::optional<Activity> activity_;
    std::chrono::steady_clock::time_point began_;
    const JobRunner* runner_ = nullptr;
};

// Ends the activity when the work does, whichever way.
class ActivityScope {
  public:
    ActivityScope(SessionStatus& status, std::string model, std::string method, std::string phase) : status_(status) {
        status_.begin_activity(std::move(model), std::move(method), std::move(phase));
    }
    ~ActivityScope() { status_.end_activity(); }
    ActivityScope(const ActivityScope&) = delete;
    ActivityScope& operator=(const ActivityScope&) = delete;

  private:
    SessionStatus& status_;
};

}  // namespace tensile
