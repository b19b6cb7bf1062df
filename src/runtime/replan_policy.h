// When a running job should be planned again: when bytes of the pool have become free that a better plan could use, and
// when the figures that its plan was made from have turned out wrong. A plan costs up to seconds, so both are bounded:
// every plan for growth has an eighth more bytes than the one before, and figures are compared ever less often. Pure
// decisions; knows neither pool nor planner.
#pragma once

#include <cstdint>
#include <vector>

#include "planner/link_model.h"

namespace tensile {

// What a plan is made from.
struct PlanFigures {
    std::vector<double> op_seconds;  // of all programs, one after another
    LinkModel link;
};

class ReplanPolicy {
  public:
    // Steps after which figures are compared: the first, and so many times more each further time.
    static constexpr std::uint64_t kFirstComparison = 4;
    static constexpr std::uint64_t kNextComparison = 8;

    // For what a plan was just made, or looked for.
    void planned(std::uint64_t bytes, PlanFigures figures);

    bool is_worth_growing(std::uint64_t room) const { return room >= bytes_ + bytes_ / 8; }
    // Once after each step; whether departed() should be asked.
    bool is_time_to_compare();
    // Op times differ from what was expected by as much as they are, or the link's rates by a factor of two.
    bool have_departed(const PlanFigures& now) const;

  private:
    std::uint64_t bytes_ = 0;
    PlanFigures figures_;
    std::uint64_t steps_ = 0;
    std::uint64_t next_comparison_ = kFirstComparison;
};

}  // namespace tensile
