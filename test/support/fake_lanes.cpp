#include "support/fake_lanes.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tensile::testing {

namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
// Between two looks of a host that polls.
constexpr double kLookSeconds = 20e-6;

void join(FakeClock& clock, const FakeClock& other) {
    if (clock.size() < other.size()) clock.resize(other.size(), 0);
    for (std::size_t i = 0; i < other.size(); ++i)
        clock[i] = std::max(clock[i], other[i]);
}

bool knows(const FakeClock& clock, std::size_t lane, std::uint64_t number) {
    return lane < clock.size() && clock[lane] >= number;
}

}  // namespace

std::size_t FakeLanes::add_lane() {
    Lane lane;
    lane.time = now_;
    lane.clock.resize(lanes_.size() + 1, 0);
    lanes_.push_back(std::move(lane));
    return lanes_.size() - 1;
}

void FakeLanes::enqueue(std::size_t lane, FakeAction action) {
    Lane& queue = lanes_[lane];
    join(queue.clock, host_clock_);
    check_order(lane, action);
    const std::uint64_t number = ++queue.clock[lane];
    for (const FakeAccess& access : action.accesses)
        accesses_.push_back({access, lane, number, action.name});
    queue.entries.push_back({now_, std::move(action), nullptr, nullptr});
}

void FakeLanes::check_order(std::size_t lane, const FakeAction& action) {
    const FakeClock& clock = lanes_[lane].clock;
    for (const Access& other : accesses_)
        for (const FakeAccess& access : action.accesses) {
            const bool touch = access.begin < other.bytes.end && other.bytes.begin < access.end;
            if (!touch || !(access.writes || other.bytes.writes) || knows(clock, other.lane, other.number)) continue;
            races_.push_back(action.name + (access.writes ? " writes" : " reads") + " bytes that " + other.name +
                             (other.bytes.writes ? " writes" : " reads") + ", and nothing orders them");
        }
}

std::shared_ptr<FakeRecord> FakeLanes::record(std::size_t lane) {
    Lane& queue = lanes_[lane];
    join(queue.clock, host_clock_);
    auto record = std::make_shared<FakeRecord>();
    record->clock = queue.clock;
    queue.entries.push_back({now_, {}, nullptr, record});
    return record;
}

void FakeLanes::wait(std::size_t lane, std::shared_ptr<FakeRecord> record) {
    join(lanes_[lane].clock, record->clock);
    lanes_[lane].entries.push_back({now_, {}, std::move(record), nullptr});
}

void FakeLanes::finish(std::size_t lane) {
    while (true) {
        pass_complete_waits();
        if (lanes_[lane].entries.empty() || !step(kForever)) break;
    }
    join_host(lanes_[lane].clock);
}

void FakeLanes::finish(const FakeRecord& record) {
    while (!record.complete && step(kForever)) {
    }
    join_host(record.clock);
}

void FakeLanes::look(const FakeRecord& record) {
    const double until = now_ + kLookSeconds;
    while (step(until)) {
    }
    now_ = std::max(now_, until);
    if (record.complete) join_host(record.clock);
}

void FakeLanes::pass_complete_waits() {
    for (Lane& lane : lanes_)
        while (!lane.entries.empty() && lane.entries.front().waits_for && lane.entries.front().waits_for->complete) {
            lane.time = std::max(lane.time, lane.entries.front().waits_for->time);
            lane.entries.pop_front();
        }
}

bool FakeLanes::step(double until) {
    pass_complete_waits();
    Lane* next = nullptr;
    double end = kForever;
    for (Lane& lane : lanes_) {
        if (lane.entries.empty() || lane.entries.front().waits_for) continue;
        const Entry& entry = lane.entries.front();
        const double lane_end = std::max(lane.time, entry.enqueued) + entry.action.seconds;
        if (next == nullptr || lane_end < end) {
            next = &lane;
            end = lane_end;
        }
    }
    if (next == nullptr || end > until) return false;
    const Entry entry = std::move(next->entries.front());
    next->entries.pop_front();
    next->time = end;
    now_ = std::max(now_, end);
    if (entry.records) {
        entry.records->complete = true;
        entry.records->time = end;
    } else {
        entry.action.run();
    }
    return true;
}

void FakeLanes::join_host(const FakeClock& clock) {
    join(host_clock_, clock);
    std::erase_if(accesses_, [&](const Access& access) { return knows(host_clock_, access.lane, access.number); });
}

}  // namespace tensile::testing
