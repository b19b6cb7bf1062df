#include "unit/planner/replay.h"

#include <algorithm>
#include <utility>

namespace tensile {

namespace {

constexpr std::uint64_t kGranule = 64;

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
    std::uint64_t x = a * 0x9E3779B97F4A7C15ULL + b + 0x7F4A7C15ULL;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

std::uint64_t input_content(std::int32_t tensor, int step) {
    return mixed(mixed(1, static_cast<std::uint64_t>(tensor)), static_cast<std::uint64_t>(step));
}

std::uint64_t first_content(std::int32_t tensor) {
    return mixed(2, static_cast<std::uint64_t>(tensor));
}

std::uint64_t written_content(std::uint64_t read, std::int32_t op, std::int32_t tensor) {
    return mixed(mixed(read, static_cast<std::uint64_t>(op)), static_cast<std::uint64_t>(tensor));
}

class Replay {
  public:
    Replay(const LoweredProgram& program, const Plan& plan)
        : program_(program),
          plan_(plan),
          memory_(plan.extent_bytes / kGranule + 1),
          host_(program.tensors.size()),
          outside_(program.tensors.size()),
          expected_(program.tensors.size()),
          expected_reads_(program.ops.size()),
          under_way_(plan.actions.size()) {}

    std::optional<std::string> run(const std::vector<TimelineEntry>& timeline, std::int32_t job, int steps) {
        struct Event {
            double seconds;
            bool is_begin;  // ends come first
            std::int32_t step;
            std::int32_t action;
        };
        std::vector<Event> events;
        std::vector<double> last_end(at(steps));
        for (const TimelineEntry& entry : timeline) {
            if (entry.job != job) continue;
            events.push_back({entry.begin, true, entry.step, entry.action});
            events.push_back({entry.end, false, entry.step, entry.action});
            if (plan_.actions[at(entry.action)].kind != ActionKind::kCopyOut)
                last_end[at(entry.step)] = std::max(last_end[at(entry.step)], entry.end);
        }
        std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
            if (a.seconds != b.seconds) return a.seconds < b.seconds;
            if (a.is_begin != b.is_begin) return !a.is_begin;
            return a.is_begin && (a.step != b.step ? a.step < b.step : a.action < b.action);
        });
        begin();
        int fed = 0;
        int checked = 0;
        for (std::size_t i = 0; i < events.size(); ++i) {
            const Event& event = events[i];
            // Ops and copies in of a step are over before anything of the next one begins.
            if (event.is_begin && event.step == fed) {
                if (fed > 0 && checked < fed) return "a step begins before the one before is over";
                feed(fed++);
            }
            if (event.is_begin)
                begin_action(at(event.action));
            else
                end_action(at(event.action));
            if (!difference_.empty()) return difference_;
            if (!event.is_begin && event.seconds == last_end[at(event.step)] && event.step == checked &&
                plan_.actions[at(event.action)].kind != ActionKind::kCopyOut && is_last(events, i)) {
                if (const auto difference = check_step()) return difference;
                ++checked;
            }
        }
        if (checked != steps) return "a step was not executed";
        return check_end();
    }

  private:
    template <typename Events>
    bool is_last(const Events& events, std::size_t index) const {
        for (std::size_t i = index + 1; i < events.size() && events[i].seconds == events[index].seconds; ++i)
            if (!events[i].is_begin && events[i].step == events[index].step &&
                plan_.actions[at(events[i].action)].kind != ActionKind::kCopyOut)
                return false;
        return true;
    }

    LoweredKind kind(std::int32_t tensor) const { return program_.tensors[at(tensor)].kind; }
    Home home(std::int32_t tensor) const { return plan_.homes[at(tensor)].home; }
    bool is_outside(std::int32_t tensor) const {
        return kind(tensor) == LoweredKind::kConstant ||
               (kind(tensor) == LoweredKind::kVariable && home(tensor) == Home::kNone);
    }
    std::string name(std::int32_t tensor) const { return "\"" + program_.tensors[at(tensor)].name + "\""; }
    std::uint64_t garbage() { return mixed(3, ++garbage_count_); }

    void fill(std::int32_t place, std::uint64_t content) {
        const Place& where = plan_.places[at(place)];
        for (std::uint64_t i = 0; i < where.bytes; i += kGranule)
            memory_[(where.offset + i) / kGranule] = content;
    }
    std::uint64_t look(std::int32_t place) {
        const Place& where = plan_.places[at(place)];
        const std::uint64_t bytes = program_.tensors[at(where.tensor)].bytes;
        const std::uint64_t content = memory_[where.offset / kGranule];
        for (std::uint64_t i = 0; i < bytes; i += kGranule)
            if (memory_[(where.offset + i) / kGranule] != content) return garbage();
        return content;
    }

    void begin() {
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(program_.tensors.size()); ++tensor) {
            host_[at(tensor)] = garbage();
            if (kind(tensor) != LoweredKind::kVariable && kind(tensor) != LoweredKind::kConstant) continue;
            expected_[at(tensor)] = outside_[at(tensor)] = first_content(tensor);
            if (home(tensor) == Home::kHost) host_[at(tensor)] = first_content(tensor);
        }
        for (const std::int32_t place : plan_.initial_places)
            if (home(plan_.places[at(place)].tensor) == Home::kResident)
                fill(place, first_content(plan_.places[at(place)].tensor));
        find_locations();
    }

    // A tensor's latest place is the latest one in the list, whatever the time.
    void find_locations() {
        std::vector<std::int32_t> current = first_places(program_, plan_);
        const auto where = [&](std::int32_t tensor) { return is_outside(tensor) ? -1 - tensor : current[at(tensor)]; };
        for (std::size_t i = 0; i < plan_.actions.size(); ++i) {
            const Action& action = plan_.actions[i];
            if (action.kind != ActionKind::kRun) {
                current[at(plan_.places[at(action.subject)].tensor)] = action.subject;
                continue;
            }
            for (const std::int32_t tensor : program_.ops[at(action.subject)].reads)
                if (kind(tensor) != LoweredKind::kScratch) under_way_[i].reads.push_back(where(tensor));
            for (const std::int32_t place : action.opens)
                current[at(plan_.places[at(place)].tensor)] = place;
            for (const std::int32_t tensor : program_.ops[at(action.subject)].writes)
                under_way_[i].writes.push_back(where(tensor));
        }
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(current.size()); ++tensor)
            if (program_.tensors[at(tensor)].is_output) outputs_.emplace_back(tensor, where(tensor));
    }

    // Also runs the program in its own order.
    void feed(int step) {
        for (const std::int32_t place : plan_.initial_places) {
            const std::int32_t tensor = plan_.places[at(place)].tensor;
            if (kind(tensor) == LoweredKind::kInput) fill(place, input_content(tensor, step));
        }
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(program_.tensors.size()); ++tensor)
            if (kind(tensor) == LoweredKind::kInput) expected_[at(tensor)] = input_content(tensor, step);
        for (std::int32_t op = 0; op < static_cast<std::int32_t>(program_.ops.size()); ++op) {
            std::uint64_t read = 0;
            for (const std::int32_t tensor : program_.ops[at(op)].reads)
                if (kind(tensor) != LoweredKind::kScratch) read = mixed(read, expected_[at(tensor)]);
            expected_reads_[at(op)] = read;
            for (const std::int32_t tensor : program_.ops[at(op)].writes)
                expected_[at(tensor)] = written_content(read, op, tensor);
        }
    }

    struct UnderWay {
        std::vector<std::int32_t> reads;  // places, or -1 - tensor outside; scratch is left out
        std::vector<std::int32_t> writes;
        std::vector<std::uint64_t> contents;  // of what is read, at the begin
    };

    std::uint64_t content(std::int32_t location) { return location < 0 ? outside_[at(-1 - location)] : look(location); }
    void put(std::int32_t location, std::uint64_t value) {
        if (location < 0)
            outside_[at(-1 - location)] = value;
        else
            fill(location, value);
    }

    void begin_action(std::size_t index) {
        const Action& action = plan_.actions[index];
        UnderWay& now = under_way_[index];
        now.contents.clear();
        if (action.kind == ActionKind::kRun) {
            for (const std::int32_t location : now.reads)
                now.contents.push_back(content(location));
            for (const std::int32_t location : now.writes)
                if (std::find(now.reads.begin(), now.reads.end(), location) == now.reads.end())
                    put(location, garbage());
            return;
        }
        const std::int32_t tensor = plan_.places[at(action.subject)].tensor;
        if (action.kind == ActionKind::kCopyOut) {
            now.contents.push_back(look(action.subject));
            host_[at(tensor)] = garbage();
        } else {
            now.contents.push_back(host_[at(tensor)]);
            fill(action.subject, garbage());
        }
    }

    void end_action(std::size_t index) {
        const Action& action = plan_.actions[index];
        const UnderWay& now = under_way_[index];
        if (action.kind == ActionKind::kRun) {
            std::uint64_t read = 0;
            for (std::size_t i = 0; i < now.reads.size(); ++i)
                read = mixed(read, content(now.reads[i]) == now.contents[i] ? now.contents[i] : garbage());
            if (read != expected_reads_[at(action.subject)] && difference_.empty())
                difference_ = "action " + std::to_string(index) + " reads wrong contents";
            for (std::size_t i = 0; i < now.writes.size(); ++i)
                put(now.writes[i], written_content(read, action.subject, program_.ops[at(action.subject)].writes[i]));
            return;
        }
        const std::int32_t tensor = plan_.places[at(action.subject)].tensor;
        if (action.kind == ActionKind::kCopyOut)
            host_[at(tensor)] = look(action.subject) == now.contents[0] ? now.contents[0] : garbage();
        else
            fill(action.subject, host_[at(tensor)] == now.contents[0] ? now.contents[0] : garbage());
    }

    std::optional<std::string> check_step() {
        for (const auto& [tensor, location] : outputs_)
            if (content(location) != expected_[at(tensor)]) return "output " + name(tensor) + " is wrong";
        return std::nullopt;
    }

    std::optional<std::string> check_end() {
        for (const std::int32_t place : plan_.initial_places) {
            const std::int32_t tensor = plan_.places[at(place)].tensor;
            if (home(tensor) == Home::kResident && look(place) != expected_[at(tensor)])
                return "variable " + name(tensor) + " is wrong at home";
        }
        for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(program_.tensors.size()); ++tensor) {
            if (home(tensor) == Home::kHost && host_[at(tensor)] != expected_[at(tensor)])
                return "variable " + name(tensor) + " is wrong in the host's copy";
            if (is_outside(tensor) && outside_[at(tensor)] != expected_[at(tensor)])
                return "variable " + name(tensor) + " is wrong outside";
        }
        return std::nullopt;
    }

    const LoweredProgram& program_;
    const Plan& plan_;
    std::vector<std::uint64_t> memory_;          // content of each granule
    std::vector<std::uint64_t> host_;            // by tensor
    std::vector<std::uint64_t> outside_;         // by tensor
    std::vector<std::uint64_t> expected_;        // by tensor: after the steps so far
    std::vector<std::uint64_t> expected_reads_;  // by op, in this step
    std::string difference_;
    std::vector<std::pair<std::int32_t, std::int32_t>> outputs_;  // tensors and where they are at the end
    std::vector<UnderWay> under_way_;                             // by action
    std::uint64_t garbage_count_ = 0;
};

}  // namespace

std::optional<std::string> find_difference(const LoweredProgram& program, const Plan& plan,
                                           const std::vector<TimelineEntry>& timeline, std::int32_t job, int steps) {
    return Replay(program, plan).run(timeline, job, steps);
}

}  // namespace tensile
