// The streams of a GPU that tests do not have, on a virtual clock. Nothing runs when it is enqueued: work runs when the
// host waits, in the order in which a device with the modelled times would complete it, and each action takes effect at
// its end. So a host that does not wait, and a stream that does not wait for another, see stale bytes in every run.
//
// What the modelled times happen to hide is found as well: two actions that touch the same bytes, one of them writing,
// are a race unless streams, events or the host order them (vector clocks, one entry a lane, as in Mattern, "Virtual
// time and global states of distributed systems", 1989). Not thread-safe: the fake plug-in has a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tensile::testing {

struct FakeAccess {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    bool writes = false;
};

struct FakeAction {
    std::string name;
    double seconds = 0;
    std::function<void()> run;
    std::vector<FakeAccess> accesses;
};

// By lane: how many of its actions are known to have run.
using FakeClock = std::vector<std::uint64_t>;

// One recording of an event.
struct FakeRecord {
    bool complete = false;
    double time = 0;
    FakeClock clock;
};

class FakeLanes {
  public:
    std::size_t add_lane();
    void enqueue(std::size_t lane, FakeAction action);
    std::shared_ptr<FakeRecord> record(std::size_t lane);
    void wait(std::size_t lane, std::shared_ptr<FakeRecord> record);

    // The host waits.
    void finish(std::size_t lane);
    void finish(const FakeRecord& record);
    // The host looks; a little time passes.
    void look(const FakeRecord& record);

    double now() const { return now_; }
    // One line each.
    const std::vector<std::string>& races() const { return races_; }

  private:
    struct Entry {
        double enqueued = 0;
        FakeAction action;
        std::shared_ptr<FakeRecord> waits_for;
        std::shared_ptr<FakeRecord> records;
    };
    struct Lane {
        std::deque<Entry> entries;
        double time = 0;  // when the last action ended
        FakeClock clock;  // what the next action of the lane comes after
    };
    struct Access {
        FakeAccess bytes;
        std::size_t lane = 0;
        std::uint64_t number = 0;
        std::string name;
    };

    void pass_complete_waits();
    // Runs the action that completes next, if it does so by `until`.
    bool step(double until);
    void join_host(const FakeClock& clock);
    void check_order(std::size_t lane, const FakeAction& action);

    std::vector<Lane> lanes_;
    FakeClock host_clock_;
    double now_ = 0;
    std::vector<Access> accesses_;  // of actions that the host does not know to be complete
    std::vector<std::string> races_;
};

}  // namespace tensile::testing
