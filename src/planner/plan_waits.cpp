// The list is followed twice, as two executions one after the other, with the last accesses of every place and host
// copy; see plan_waits.h.
#include "planner/plan_waits.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>

namespace tensile {

namespace {

constexpr std::int32_t kNone = -1;
constexpr std::size_t kRunQueue = queue_of(ActionKind::kRun);
constexpr std::size_t kOutQueue = queue_of(ActionKind::kCopyOut);
constexpr std::size_t kInQueue = queue_of(ActionKind::kCopyIn);

// By queue the latest action of it, numbered over both executions; all earlier ones of that queue are included.
using Reached = std::array<std::int32_t, kQueues>;
constexpr Reached kNothing = {kNone, kNone, kNone};

void include(Reached& into, const Reached& from) {
    for (std::size_t queue = 0; queue < kQueues; ++queue)
        into[queue] = std::max(into[queue], from[queue]);
}

class WaitFinder {
  public:
    WaitFinder(const LoweredProgram& program, Plan& plan)
        : program_(program),
          plan_(plan),
          places_(plan.places.size()),
          current_(program.tensors.size(), kNone),
          host_(program.tensors.size()),
          begins_(plan.actions.size() * 2) {}

    void find() {
        // One queue orders its actions by itself.
        if (std::all_of(plan_.actions.begin(), plan_.actions.end(),
                        [](const Action& action) { return action.kind == ActionKind::kRun; }))
            return;
        if (plan_.extent_bytes > 0) owners_[0] = {plan_.extent_bytes, kNone};
        follow();
        const bool copies_out = std::any_of(plan_.actions.begin(), plan_.actions.end(),
                                            [](const Action& action) { return action.kind == ActionKind::kCopyOut; });
        if (!copies_out) return;
        execution_ = 1;
        follow();
    }

  private:
    // Content somewhere: who wrote it and who used it last.
    struct Use {
        Reached written = kNothing;
        Reached accessed = kNothing;  // reads and writes
    };
    struct Piece {
        std::uint64_t end;
        std::int32_t place;
    };

    static std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }
    std::int32_t count() const { return static_cast<std::int32_t>(plan_.actions.size()); }

    void follow() {
        feed();
        for (std::int32_t i = 0; i < count(); ++i)
            perform(i);
    }

    // The inputs are written after all ops and copies in of the previous execution.
    void feed() {
        Reached needed = kNothing;
        start_ = reached_[kRunQueue];
        include(start_, reached_[kInQueue]);
        for (const std::int32_t place : plan_.initial_places) {
            const std::size_t tensor = at(plan_.places[at(place)].tensor);
            if (plan_.homes[tensor].home != Home::kResident || execution_ == 0) {
                take_bytes(place, needed);
                places_[at(place)] = {};
            } else if (current_[tensor] != place) {
                // The variable came home in another place of the same bytes.
                places_[at(place)] = places_[at(current_[tensor])];
                take_bytes(place, needed);
            }
            current_[tensor] = place;
        }
        if (needed[kOutQueue] <= start_[kOutQueue]) return;
        plan_.feed_waits = {needed[kOutQueue]};
        include(start_, completion_of(needed[kOutQueue]));
    }

    void perform(std::int32_t index) {
        Action& action = plan_.actions[at(index)];
        const std::size_t queue = queue_of(action.kind);
        const std::int32_t self = index + execution_ * count();
        Reached access = kNothing;
        access[queue] = self;
        Reached needed = kNothing;
        switch (action.kind) {
        case ActionKind::kRun: {
            const LoweredOp& op = program_.ops[at(action.subject)];
            for (const std::int32_t tensor : op.reads)
                if (current_[at(tensor)] != kNone) include(needed, places_[at(current_[at(tensor)])].written);
            for (const std::int32_t place : action.opens)
                open(place, needed);
            for (const std::int32_t tensor : op.writes)
                if (current_[at(tensor)] != kNone) include(needed, places_[at(current_[at(tensor)])].accessed);
            begin(action, self, needed);
            for (const std::int32_t tensor : op.reads)
                if (current_[at(tensor)] != kNone) include(places_[at(current_[at(tensor)])].accessed, access);
            for (const std::int32_t tensor : op.writes)
                if (current_[at(tensor)] != kNone) wrote(places_[at(current_[at(tensor)])], access);
            break;
        }
        case ActionKind::kCopyOut: {
            Use& source = places_[at(action.subject)];
            Use& host = host_[at(plan_.places[at(action.subject)].tensor)];
            include(needed, source.written);
            include(needed, host.accessed);
            begin(action, self, needed);
            include(source.accessed, access);
            wrote(host, access);
            break;
        }
        case ActionKind::kCopyIn: {
            Use& host = host_[at(plan_.places[at(action.subject)].tensor)];
            open(action.subject, needed);
            include(needed, host.written);
            begin(action, self, needed);
            include(host.accessed, access);
            wrote(places_[at(action.subject)], access);
            break;
        }
        }
        reached_[queue] = completion_of(self);
    }

    static void wrote(Use& use, const Reached& access) {
        use.written = access;
        include(use.accessed, access);
    }

    void open(std::int32_t place, Reached& needed) {
        take_bytes(place, needed);
        places_[at(place)] = {};
        current_[at(plan_.places[at(place)].tensor)] = place;
    }

    // Adds the last accesses of all who had the bytes.
    void take_bytes(std::int32_t index, Reached& needed) {
        const Place& place = plan_.places[at(index)];
        if (place.bytes == 0) return;
        const std::uint64_t end = place.offset + place.bytes;
        auto piece = std::prev(owners_.upper_bound(place.offset));
        if (piece->first < place.offset) {
            const Piece whole = piece->second;
            piece->second.end = place.offset;
            piece = owners_.emplace_hint(std::next(piece), place.offset, whole);
        }
        while (piece != owners_.end() && piece->first < end) {
            if (piece->second.place != kNone) include(needed, places_[at(piece->second.place)].accessed);
            const Piece old = piece->second;
            if (piece->first == place.offset) {
                piece->second = {end, index};
                ++piece;
            } else {
                piece = owners_.erase(piece);
            }
            if (old.end > end) owners_.emplace_hint(piece, end, old);
        }
    }

    ActionKind kind_of(std::int32_t number) const { return plan_.actions[at(number % count())].kind; }

    Reached completion_of(std::int32_t number) const {
        Reached reached = begins_[at(number)];
        std::int32_t& own = reached[queue_of(kind_of(number))];
        own = std::max(own, number);
        return reached;
    }

    // Turns what an action needs into waits, leaving out what is complete anyway and what follows from another wait.
    void begin(Action& action, std::int32_t self, const Reached& needed) {
        Reached before = start_;
        include(before, reached_[queue_of(action.kind)]);
        for (const std::int32_t earlier : action.waits)
            include(before, completion_of(earlier + execution_ * count()));
        std::array<std::int32_t, kQueues> candidates = needed;
        // The latest first: it is the likeliest to include the others.
        std::sort(candidates.begin(), candidates.end(), std::greater<>());
        for (const std::int32_t candidate : candidates) {
            if (candidate == kNone || before[queue_of(kind_of(candidate))] >= candidate) continue;
            include(before, completion_of(candidate));
            if (candidate >= execution_ * count())
                action.waits.push_back(candidate - execution_ * count());
            else
                action.previous_waits.push_back(candidate);
        }
        begins_[at(self)] = before;
    }

    const LoweredProgram& program_;
    Plan& plan_;
    std::vector<Use> places_;                // by place
    std::vector<std::int32_t> current_;      // by tensor: its latest place
    std::vector<Use> host_;                  // by tensor
    std::map<std::uint64_t, Piece> owners_;  // the extent, cut into pieces by who had it last
    std::vector<Reached> begins_;            // by action of both executions: what is complete when it begins
    Reached start_ = kNothing;               // what is complete before any action of this execution begins
    std::array<Reached, kQueues> reached_ = {kNothing, kNothing, kNothing};  // by queue: with its last action so far
    std::int32_t execution_ = 0;
};

}  // namespace

void add_waits(const LoweredProgram& program, Plan& plan) {
    WaitFinder(program, plan).find();
}

}  // namespace tensile
