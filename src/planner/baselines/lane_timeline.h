// When a lane of the link is taken: one transfer at a time, placed where it fits between the others.
#pragma once

#include <set>
#include <utility>

namespace tensile {

class LaneTimeline {
  public:
    // Begin of the earliest or latest free interval within [from, to]; negative when there is none.
    double earliest(double from, double to, double seconds) const {
        double begin = from;
        for (const auto& [taken, until] : reserved_) {
            if (until <= begin) continue;
            if (taken >= begin + seconds) break;
            begin = until;
        }
        return begin + seconds <= to ? begin : -1;
    }
    double latest(double from, double to, double seconds) const {
        double end = to;
        for (auto range = reserved_.rbegin(); range != reserved_.rend(); ++range) {
            if (range->first >= end) continue;
            if (range->second <= end - seconds) break;
            end = range->first;
        }
        return end - seconds >= from ? end - seconds : -1;
    }
    void reserve(double begin, double seconds) { reserved_.emplace(begin, begin + seconds); }
    void release(double begin, double seconds) { reserved_.erase({begin, begin + seconds}); }

  private:
    std::set<std::pair<double, double>> reserved_;
};

}  // namespace tensile
