// Throttled progress.
#include "engine/training_reporter.h"

#include <utility>

namespace tensile {

namespace {

constexpr std::chrono::milliseconds kReportInterval(100);

}  // namespace

TrainingReporter::TrainingReporter(Training& training, SessionStatus& status, SessionPort& port)
    : training_(training), status_(status), port_(port), phase_began_(Clock::now()), next_report_(phase_began_) {}

void TrainingReporter::enter(std::string phase) {
    phase_ = std::move(phase);
    phase_began_ = Clock::now();
    next_report_ = phase_began_ + kReportInterval;
    TrainingProgress progress;
    progress.phase = phase_;
    report(progress);
}

void TrainingReporter::after_step() {
    const Clock::time_point now = Clock::now();
    if (now < next_report_) return;
    next_report_ = now + kReportInterval;
    report_training();
    collect_log();
    while (!unsent_.empty() && send_log_line(/*block=*/false)) {
    }
}

void TrainingReporter::report_training() {
    TrainingProgress progress = training_.progress();
    progress.phase = phase_;
    report(progress);
}

void TrainingReporter::finish() {
    report_training();
    collect_log();
    while (!unsent_.empty())
        send_log_line(/*block=*/true);
}

void TrainingReporter::report(const TrainingProgress& progress) {
    const double seconds = std::chrono::duration<double>(Clock::now() - phase_began_).count();
    const double rows_per_second = seconds > 0 ? static_cast<double>(progress.rows_trained) / seconds : 0;
    status_.update_activity(progress, rows_per_second);
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    const auto phase = builder.CreateString(progress.phase);
    port_.try_send(protocol::CreateProgress(builder, phase, progress.epoch, progress.epochs, progress.step,
                                            progress.steps, progress.loss, rows_per_second));
}

void TrainingReporter::collect_log() {
    for (LogLine& line : training_.take_log())
        unsent_.push_back(std::move(line));
}

bool TrainingReporter::send_log_line(bool block) {
    const LogLine& line = unsent_.front();
    flatbuffers::FlatBufferBuilder& builder = port_.begin();
    const auto task = builder.CreateString(line.task);
    const auto metric = builder.CreateString(line.metric);
    const auto entry = protocol::CreateLogEntry(builder, line.epoch, task, metric, line.value);
    if (block) {
        port_.send(entry);
    } else if (!port_.try_send(entry)) {
        return false;
    }
    unsent_.pop_front();
    return true;
}

}  // namespace tensile
