// The fastest of several plans for one request, by the event clock; of equal ones the first.
#pragma once

#include <limits>
#include <optional>
#include <utility>

#include "planner/baselines/baselines.h"
#include "planner/event_clock.h"

namespace tensile {

class FastestPlan {
  public:
    // The request outlives it.
    explicit FastestPlan(const BaselineRequest& request) : request_(request) {}

    void offer(Plan plan) {
        const double seconds =
            run_clock_alone(*request_.program, plan, request_.op_seconds, request_.link).jobs[0].cycle_seconds();
        if (seconds >= seconds_) return;
        best_ = std::move(plan);
        seconds_ = seconds;
    }
    // Of a step with the fastest plan so far; infinity when there is none.
    double seconds() const { return seconds_; }
    // Nothing when none was offered.
    std::optional<Plan> take() { return std::move(best_); }

  private:
    const BaselineRequest& request_;
    std::optional<Plan> best_;
    double seconds_ = std::numeric_limits<double>::infinity();
};

}  // namespace tensile
