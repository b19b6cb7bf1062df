// Tells the client and tensile.progress how a training goes: a few messages a second, without ever waiting for a slow
// client. Progress may be dropped; lines of the training log are kept until they are sent.
#pragma once

#include <chrono>
#include <deque>
#include <string>

#include "engine/session_port.h"
#include "engine/session_status.h"
#include "models/model_family.h"

namespace tensile {

class TrainingReporter {
  public:
    TrainingReporter(Training& training, SessionStatus& status, SessionPort& port);

    // A new phase, reported at once.
    void enter(std::string phase);
    // Between steps; most calls return at once.
    void after_step();
    // After the last step: sends the rest of the log, waiting for the client if need be.
    void finish();

  private:
    using Clock = std::chrono::steady_clock;
    void report_training();
    void report(const TrainingProgress& progress);
    void collect_log();
    bool send_log_line(bool block);

    Training& training_;
    SessionStatus& status_;
    SessionPort& port_;
    std::string phase_;
    Clock::time_point phase_began_;
    Clock::time_point next_report_;
    std::deque<LogLine> unsent_;
};

}  // namespace tensile
