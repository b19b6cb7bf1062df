// Certificates and the admission test: what a job takes from the pool, the device and the link per step, and what
// becomes of all jobs when another one joins. A job is planned once, for its own budget; combining jobs is arithmetic
// over certificates and plans nothing again. Pure arithmetic: no threads, no clock, no memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "planner/event_clock.h"
#include "planner/link_model.h"

namespace tensile {

// Of one job alone, per step in the steady state; a job with several programs: the mean over its cycle.
struct Certificate {
    std::uint64_t state_bytes = 0;
    std::uint64_t step_bytes = 0;     // its greatest step region
    std::uint64_t minimum_bytes = 0;  // the least it could have been planned for
    double compute_seconds = 0;       // recomputation included
    double turn_seconds = 0;          // from the begin of its first op to the end of its last
    double region_seconds = 0;        // from the begin of the step to the end of its last copy
    double step_seconds = 0;          // from step to step
    double in_bytes = 0;
    double out_bytes = 0;
    double in_copies = 0;
    double out_copies = 0;
};

// Executes the job alone on the event clock.
Certificate certify(const ClockJob& job, const LinkModel& link);

struct Forecast {
    double round_seconds = 0;  // every job does one step
    double link_share = 0;     // of the link's capacity that the copies of a round need
    // How much longer a step takes than alone.
    double slowdown(const Certificate& certificate) const { return round_seconds / certificate.step_seconds; }
};

class Admission {
  public:
    Admission(const LinkModel& link, std::uint64_t budget_bytes) : link_(link), budget_bytes_(budget_bytes) {}

    // Whether all states fit beside the greatest step region, so that everybody's turn in the pool will come.
    bool fits(const Certificate& certificate) const;
    // The longest round of: one device whose turns are whole steps; the link; the pool, where each step region is held
    // for its time; and the slowest job alone. With a newcomer, or of those who are there.
    Forecast forecast(const Certificate* newcomer = nullptr) const;

    // Nothing when it does not fit. Otherwise the number by which it leaves.
    std::optional<std::int64_t> add(const Certificate& certificate);
    void remove(std::int64_t job);

  private:
    LinkModel link_;
    std::uint64_t budget_bytes_;
    std::map<std::int64_t, Certificate> jobs_;
    std::int64_t next_ = 0;
};

}  // namespace tensile
