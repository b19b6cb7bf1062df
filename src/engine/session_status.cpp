// Guarded fields.
#include "engine/session_status.h"

#include <utility>

namespace tensile {

void SessionStatus::set_identity(SessionIdentity identity) {
    const std::lock_guard lock(mutex_);
    identity_ = std::move(identity);
}

SessionIdentity SessionStatus::identity() const {
    const std::lock_guard lock(mutex_);
    return identity_;
}

void SessionStatus::begin_activity(std::string model, std::string method, std::string phase) {
    const std::lock_guard lock(mutex_);
    activity_.emplace();
    activity_->model = std::move(model);
    activity_->method = std::move(method);
    activity_->progress.phase = std::move(phase);
    began_ = std::chrono::steady_clock::now();
}

void SessionStatus::update_activity(const TrainingProgress& progress, double rows_per_second) {
    const std::lock_guard lock(mutex_);
    if (!activity_) return;
    activity_->progress = progress;
    activity_->rows_per_second = rows_per_second;
}

void SessionStatus::add_rows(std::int64_t rows) {
    const std::lock_guard lock(mutex_);
    if (!activity_) return;
    activity_->progress.step += rows;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    if (seconds > 0) activity_->rows_per_second = static_cast<double>(activity_->progress.step) / seconds;
}

void SessionStatus::end_activity() {
    const std::lock_guard lock(mutex_);
    activity_.reset();
}

std::optional<Activity> SessionStatus::activity() const {
    const std::lock_guard lock(mutex_);
    std::optional<Activity> activity = activity_;
    if (activity) activity->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    return activity;
}

void SessionStatus::set_runner(const JobRunner* runner) {
    const std::lock_guard lock(mutex_);
    runner_ = runner;
}

std::optional<JobUsage> SessionStatus::usage() const {
    const std::lock_guard lock(mutex_);
    return runner_ == nullptr ? std::nullopt : std::optional(runner_->usage());
}

std::vector<PlanRow> SessionStatus::plan(std::string_view model) const {
    const std::lock_guard lock(mutex_);
    if (runner_ == nullptr || !activity_ || activity_->model != model) return {};
    return runner_->plan();
}

std::vector<TensorRow> SessionStatus::tensors() const {
    const std::lock_guard lock(mutex_);
    return runner_ == nullptr ? std::vector<TensorRow>() : runner_->tensors();
}

}  // namespace tensile
