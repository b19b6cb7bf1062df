// See replan_policy.h.
#include "runtime/replan_policy.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tensile {

namespace {

constexpr double kFactor = 2;

bool differ(double left, double right) {
    return std::max(left, right) > kFactor * std::min(left, right);
}

}  // namespace

void ReplanPolicy::planned(std::uint64_t bytes, PlanFigures figures) {
    bytes_ = std::max(bytes_, bytes);
    figures_ = std::move(figures);
}

bool ReplanPolicy::is_time_to_compare() {
    if (++steps_ < next_comparison_) return false;
    next_comparison_ *= kNextComparison;
    return true;
}

bool ReplanPolicy::have_departed(const PlanFigures& now) const {
    double expected = 0;
    double departure = 0;
    for (std::size_t i = 0; i < figures_.op_seconds.size(); ++i) {
        expected += std::min(figures_.op_seconds[i], now.op_seconds[i]);
        departure += std::abs(now.op_seconds[i] - figures_.op_seconds[i]);
    }
    return departure > (kFactor - 1) * expected ||
           differ(figures_.link.in_bytes_per_second, now.link.in_bytes_per_second) ||
           differ(figures_.link.out_bytes_per_second, now.link.out_bytes_per_second);
}

}  // namespace tensile
