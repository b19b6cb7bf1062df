// When a lane of the link is taken: one transfer at a time, placed where it fits between the others. Transfers that
// follow each other without a pause are kept as one, so a search passes over pauses and not over transfers; what takes
// no time needs no room.
#pragma once

#include <iterator>
#include <map>

namespace tensile {

class LaneTimeline {
  public:
    // Begin of the earliest or latest free interval within [from, to]; negative when there is none.
    double earliest(double from, double to, double seconds) const {
        double begin = from;
        if (seconds > 0) {
            auto busy = busy_.upper_bound(begin);
            if (busy != busy_.begin() && std::prev(busy)->second > begin) begin = std::prev(busy)->second;
            for (; busy != busy_.end() && busy->first < begin + seconds; ++busy)
                begin = busy->second;
        }
        return begin + seconds <= to ? begin : -1;
    }
    double latest(double from, double to, double seconds) const {
        double end = to;
        if (seconds > 0)
            for (auto busy = busy_.lower_bound(end); busy != busy_.begin();) {
                --busy;
                if (busy->second <= end - seconds) break;
                end = busy->first;
            }
        return end - seconds >= from ? end - seconds : -1;
    }
    // Of an interval that is free.
    void reserve(double begin, double seconds) {
        if (seconds <= 0) return;
        double end = begin + seconds;
        auto next = busy_.lower_bound(begin);
        if (next != busy_.end() && next->first <= end + kNoPause) {
            end = next->second;
            next = busy_.erase(next);
        }
        if (next != busy_.begin() && std::prev(next)->second >= begin - kNoPause)
            std::prev(next)->second = end;
        else
            busy_.emplace_hint(next, begin, end);
    }
    // Of an interval that was reserved.
    void release(double begin, double seconds) {
        if (seconds <= 0) return;
        const auto busy = std::prev(busy_.upper_bound(begin + seconds / 2));
        const double end = busy->second;
        busy->second = begin;
        if (busy->second <= busy->first) busy_.erase(busy);
        if (begin + seconds < end) busy_.emplace(begin + seconds, end);
    }

  private:
    // Shorter than any transfer, longer than what sums of times are wrong by.
    static constexpr double kNoPause = 1e-9;

    std::map<double, double> busy_;  // begins and ends, with pauses between them
};

}  // namespace tensile
