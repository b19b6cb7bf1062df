// The proof of a plan; see checker.h. Includes nothing of the planner but the plan's format.
#include "planner/checker.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <map>
#include <vector>

#include "tensor/error.h"

namespace tensile {

namespace {

// Thrown inside this file only.
struct Violation {
    std::string text;
};

constexpr std::int64_t kNever = -1;

// For each queue the latest of its actions, numbered over both executions; all earlier ones of that queue come with it.
using Moment = std::array<std::int64_t, kQueues>;
constexpr Moment kBeginning = {kNever, kNever, kNever};

void merge(Moment& into, const Moment& from) {
    for (std::size_t queue = 0; queue < kQueues; ++queue)
        into[queue] = std::max(into[queue], from[queue]);
}

bool covers(const Moment& later, const Moment& earlier) {
    for (std::size_t queue = 0; queue < kQueues; ++queue)
        if (earlier[queue] > later[queue]) return false;
    return true;
}

constexpr std::int32_t kUnwritten = -1;

// Content of one tensor somewhere, and who has touched it.
struct Content {
    std::int32_t version = kUnwritten;
    Moment written = kBeginning;
    Moment accessed = kBeginning;  // reads and writes
};

struct Stage {
    Content content;
    bool lost = false;  // some of its bytes have been taken by another place
};

// The versions that each op of the program reads and writes: 0 is what a tensor holds before the first op.
struct Versions {
    std::int32_t before = kUnwritten;
    std::int32_t after = kUnwritten;
};

class Proof {
  public:
    Proof(const LoweredProgram& program, const Plan& plan)
        : program_(program),
          plan_(plan),
          versions_(program.ops.size()),
          last_version_(program.tensors.size(), kUnwritten),
          copied_(program.tensors.size()),
          stages_(plan.places.size()),
          opened_at_(plan.places.size(), kNone),
          current_(program.tensors.size(), kNone),
          outside_(program.tensors.size()),
          host_(program.tensors.size()),
          complete_before_(plan.actions.size() * 2) {}

    void check() {
        number_versions();
        check_form();
        check_places();
        begin();
        for (int execution = 0; execution < 2; ++execution) {
            execution_ = execution;
            feed();
            for (std::size_t i = 0; i < plan_.actions.size(); ++i)
                perform(i);
            finish();
        }
        check_stated_sizes();
    }

  private:
    static constexpr std::int32_t kNone = -1;

    [[noreturn]] static void fail(std::string text) { throw Violation{std::move(text)}; }
    static std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }
    std::string tensor_name(std::size_t tensor) const {
        return "tensor " + std::to_string(tensor) + " \"" + program_.tensors[tensor].name + "\"";
    }
    std::string op_name(std::size_t op) const {
        return "op " + std::to_string(op) + " \"" + program_.ops[op].name + "\"";
    }
    std::string place_name(std::int32_t place) const {
        return "place " + std::to_string(place) + " of " + tensor_name(at(plan_.places[at(place)].tensor));
    }
    LoweredKind kind(std::size_t tensor) const { return program_.tensors[tensor].kind; }
    Home home(std::size_t tensor) const { return plan_.homes[tensor].home; }
    bool lives_outside(std::size_t tensor) const {
        return kind(tensor) == LoweredKind::kConstant ||
               (kind(tensor) == LoweredKind::kVariable && home(tensor) == Home::kNone);
    }
    bool has_initial_content(std::size_t tensor) const {
        return kind(tensor) != LoweredKind::kResult && kind(tensor) != LoweredKind::kScratch;
    }

    static bool contains(const std::vector<std::int32_t>& list, std::int32_t value) {
        return std::find(list.begin(), list.end(), value) != list.end();
    }

    // What each op reads and writes when the program runs in its own order; also whether the program makes sense.
    void number_versions() {
        for (std::size_t tensor = 0; tensor < program_.tensors.size(); ++tensor)
            if (has_initial_content(tensor)) last_version_[tensor] = 0;
        std::vector<std::int32_t> scratch_user(program_.tensors.size(), kNone);
        for (std::size_t op = 0; op < program_.ops.size(); ++op) {
            const LoweredOp& current = program_.ops[op];
            for (const std::int32_t tensor : current.reads)
                if (tensor < 0 || at(tensor) >= program_.tensors.size())
                    fail(op_name(op) + " uses a tensor that does not exist");
            for (const std::int32_t tensor : current.reads) {
                if (kind(at(tensor)) == LoweredKind::kScratch) {
                    if (!contains(current.writes, tensor))
                        fail(tensor_name(at(tensor)) + " is scratch but " + op_name(op) + " does not write it");
                } else if (last_version_[at(tensor)] == kUnwritten) {
                    fail(op_name(op) + " reads " + tensor_name(at(tensor)) + " before any op has written it");
                }
                versions_[op].push_back({last_version_[at(tensor)], kUnwritten});
            }
            for (const std::int32_t tensor : current.writes) {
                if (tensor < 0 || at(tensor) >= program_.tensors.size())
                    fail(op_name(op) + " uses a tensor that does not exist");
                if (kind(at(tensor)) == LoweredKind::kConstant)
                    fail(op_name(op) + " writes " + tensor_name(at(tensor)) + ", a constant");
                if (kind(at(tensor)) == LoweredKind::kScratch) {
                    if (scratch_user[at(tensor)] != kNone)
                        fail(tensor_name(at(tensor)) + " is scratch but is used by more than one op");
                    scratch_user[at(tensor)] = static_cast<std::int32_t>(op);
                }
                versions_[op].push_back({last_version_[at(tensor)], last_version_[at(tensor)] + 1});
                ++last_version_[at(tensor)];
            }
        }
        for (std::size_t tensor = 0; tensor < program_.tensors.size(); ++tensor)
            if (program_.tensors[tensor].is_output && last_version_[tensor] == kUnwritten)
                fail(tensor_name(tensor) + " is an output that nothing writes");
    }

    // Subjects exist, waits point backwards to other queues, every op runs.
    void check_form() {
        if (plan_.homes.size() != program_.tensors.size()) fail("the plan has homes for another program");
        for (std::size_t i = 0; i < plan_.places.size(); ++i)
            if (plan_.places[i].tensor < 0 || at(plan_.places[i].tensor) >= program_.tensors.size())
                fail("place " + std::to_string(i) + " is of a tensor that does not exist");
        for (const std::int32_t index : plan_.initial_places)
            if (index < 0 || at(index) >= plan_.places.size()) fail("an initial place does not exist");
        std::vector<bool> runs(program_.ops.size());
        for (std::size_t i = 0; i < plan_.actions.size(); ++i) {
            const Action& action = plan_.actions[i];
            const bool is_run = action.kind == ActionKind::kRun;
            if (!is_run && action.kind != ActionKind::kCopyIn && action.kind != ActionKind::kCopyOut)
                fail("action " + std::to_string(i) + " is of a kind that this proof does not know");
            if (action.subject < 0 || at(action.subject) >= (is_run ? program_.ops.size() : plan_.places.size()))
                fail("action " + std::to_string(i) + " names a subject that does not exist");
            for (const std::int32_t earlier : action.waits)
                if (earlier < 0 || at(earlier) >= i)
                    fail("action " + std::to_string(i) + " waits for an action that is not before it");
            for (const std::int32_t earlier : action.previous_waits)
                if (earlier < 0 || at(earlier) >= plan_.actions.size())
                    fail("action " + std::to_string(i) + " waits for an action that does not exist");
            if (!is_run && !action.opens.empty()) fail("action " + std::to_string(i) + " opens places but is a copy");
            for (const std::int32_t place : action.opens)
                if (place < 0 || at(place) >= plan_.places.size())
                    fail("action " + std::to_string(i) + " opens a place that does not exist");
            if (is_run)
                runs[at(action.subject)] = true;
            else
                copied_[at(plan_.places[at(action.subject)].tensor)] = true;
        }
        for (const std::int32_t earlier : plan_.feed_waits)
            if (earlier < 0 || at(earlier) >= plan_.actions.size())
                fail("the inputs wait for an action that does not exist");
        for (std::size_t op = 0; op < runs.size(); ++op)
            if (!runs[op]) fail(op_name(op) + " never runs");
    }

    void check_places() const {
        if (plan_.state_bytes > plan_.extent_bytes) fail("the state reaches beyond the extent");
        for (std::size_t i = 0; i < plan_.places.size(); ++i) {
            const Place& place = plan_.places[i];
            if (lives_outside(at(place.tensor))) fail(tensor_name(at(place.tensor)) + " lives outside but has a place");
            const std::uint64_t alignment = copied_[at(place.tensor)] ? kCopyAlignment : kTensorAlignment;
            if (place.offset % alignment != 0) fail(place_name(static_cast<std::int32_t>(i)) + " is not aligned");
            if (place.bytes < program_.tensors[at(place.tensor)].bytes || place.bytes % alignment != 0)
                fail(place_name(static_cast<std::int32_t>(i)) + " is too small");
            if (place.offset > plan_.extent_bytes || place.bytes > plan_.extent_bytes - place.offset)
                fail(place_name(static_cast<std::int32_t>(i)) + " reaches beyond the extent");
            if (place.offset < plan_.state_bytes && place.offset + place.bytes > plan_.state_bytes)
                fail(place_name(static_cast<std::int32_t>(i)) + " crosses the border of the state");
        }
        check_state();
        for (std::size_t tensor = 0; tensor < program_.tensors.size(); ++tensor)
            if (home(tensor) != Home::kNone && kind(tensor) != LoweredKind::kVariable)
                fail(tensor_name(tensor) + " has a home but is no variable");
    }

    // The state also holds variables of the job's other programs, which this plan does not know: places there lie in
    // the homes of this program's own variables.
    void check_state() const {
        std::map<std::uint64_t, std::uint64_t> homes;  // begin and end, neighbours joined
        for (const std::int32_t index : plan_.initial_places) {
            const Place& place = plan_.places[at(index)];
            if (home(at(place.tensor)) != Home::kResident) continue;
            std::uint64_t& end = homes[place.offset];
            end = std::max(end, place.offset + place.bytes);
        }
        for (auto range = homes.begin(); range != homes.end();) {
            const auto next = std::next(range);
            if (next == homes.end() || next->first > range->second) {
                range = next;
                continue;
            }
            range->second = std::max(range->second, next->second);
            homes.erase(next);
        }
        for (std::size_t i = 0; i < plan_.places.size(); ++i) {
            const Place& place = plan_.places[i];
            if (place.offset >= plan_.state_bytes) continue;
            auto range = homes.upper_bound(place.offset);
            if (range == homes.begin() || place.offset + place.bytes > (--range)->second)
                fail(place_name(static_cast<std::int32_t>(i)) + " may take bytes of another program's variables");
        }
    }

    // What holds before the first execution.
    void begin() {
        for (std::size_t tensor = 0; tensor < program_.tensors.size(); ++tensor) {
            if (lives_outside(tensor)) outside_[tensor].version = 0;
            if (home(tensor) == Home::kHost) host_[tensor].version = 0;
        }
        bytes_[0] = {plan_.extent_bytes, kNone};
        std::vector<bool> opened(program_.tensors.size());
        for (const std::int32_t index : plan_.initial_places) {
            const std::size_t tensor = at(plan_.places[at(index)].tensor);
            if (kind(tensor) != LoweredKind::kInput && home(tensor) != Home::kResident)
                fail(place_name(index) + " is open from the beginning but is neither input nor resident");
            if (opened[tensor]) fail(tensor_name(tensor) + " is open twice from the beginning");
            opened[tensor] = true;
            if (home(tensor) != Home::kResident) continue;
            if (plan_.places[at(index)].offset != plan_.homes[tensor].offset)
                fail(place_name(index) + " is not the variable's home");
            if (plan_.homes[tensor].offset >= plan_.state_bytes)
                fail(tensor_name(tensor) + " resides outside the state");
            open(index, kBeginning);
            stages_[at(index)].content.version = 0;
        }
        for (std::size_t tensor = 0; tensor < opened.size(); ++tensor) {
            const bool initial = kind(tensor) == LoweredKind::kInput || home(tensor) == Home::kResident;
            if (initial && !opened[tensor]) fail(tensor_name(tensor) + " is not open at the beginning");
        }
    }

    // The inputs are written by the host: all ops and copies in of the previous execution are complete, and the copies
    // out that the plan names.
    void feed() {
        Moment now = after_last_[queue_of(ActionKind::kRun)];
        merge(now, after_last_[queue_of(ActionKind::kCopyIn)]);
        for (const std::int32_t earlier : plan_.feed_waits)
            if (execution_ > 0) merge(now, completion_of(at(earlier), execution_ - 1));
        start_ = now;
        for (std::size_t tensor = 0; tensor < program_.tensors.size(); ++tensor)
            if (home(tensor) != Home::kResident) current_[tensor] = kNone;
        for (const std::int32_t index : plan_.initial_places) {
            const std::size_t tensor = at(plan_.places[at(index)].tensor);
            if (kind(tensor) == LoweredKind::kInput) {
                open(index, now);
                stages_[at(index)].content = {0, now, now};
            } else if (execution_ > 0) {
                // finish() has seen the variable come home to these bytes.
                const std::int32_t last = current_[tensor];
                if (last != index) {
                    stages_[at(index)] = stages_[at(last)];
                    stages_[at(last)].lost = true;
                    rename(last, index);
                    current_[tensor] = index;
                }
                opened_at_[at(index)] = execution_;
                stages_[at(index)].content.version = 0;
            }
        }
        for (std::size_t tensor = 0; tensor < program_.tensors.size(); ++tensor) {
            if (lives_outside(tensor)) outside_[tensor].version = 0;
            if (home(tensor) == Home::kHost)
                host_[tensor].version = 0;
            else
                host_[tensor].version = kUnwritten;
        }
    }

    std::int64_t number(std::size_t action, int execution) const {
        return static_cast<std::int64_t>(action + static_cast<std::size_t>(execution) * plan_.actions.size());
    }
    // What is complete once the action is complete.
    Moment completion_of(std::size_t action, int execution) const {
        Moment moment = complete_before_[static_cast<std::size_t>(number(action, execution))];
        std::int64_t& own = moment[queue_of(plan_.actions[action].kind)];
        own = std::max(own, number(action, execution));
        return moment;
    }

    void perform(std::size_t index) {
        const Action& action = plan_.actions[index];
        const std::size_t queue = queue_of(action.kind);
        Moment before = start_;
        merge(before, after_last_[queue]);
        for (const std::int32_t earlier : action.waits)
            merge(before, completion_of(at(earlier), execution_));
        for (const std::int32_t earlier : action.previous_waits)
            if (execution_ > 0) merge(before, completion_of(at(earlier), execution_ - 1));
        const std::int64_t self = number(index, execution_);
        complete_before_[static_cast<std::size_t>(self)] = before;
        after_last_[queue] = completion_of(index, execution_);
        Moment access = kBeginning;
        access[queue] = self;

        switch (action.kind) {
        case ActionKind::kRun:
            run(action, before, access);
            break;
        case ActionKind::kCopyOut:
            copy_out(action.subject, before, access);
            break;
        case ActionKind::kCopyIn:
            copy_in(action.subject, before, access);
            break;
        }
    }

    void run(const Action& action, const Moment& before, const Moment& access) {
        const std::size_t op = at(action.subject);
        const LoweredOp& current = program_.ops[op];
        for (std::size_t i = 0; i < current.reads.size(); ++i) {
            const std::size_t tensor = at(current.reads[i]);
            if (kind(tensor) == LoweredKind::kScratch) continue;
            read(content_of(tensor, op_name(op)), versions_[op][i].before, before, access,
                 op_name(op) + " reads " + tensor_name(tensor));
        }
        for (const std::int32_t place : action.opens) {
            if (!contains(current.writes, plan_.places[at(place)].tensor))
                fail(op_name(op) + " opens " + place_name(place) + " but does not write it");
            if (contains(current.reads, plan_.places[at(place)].tensor) &&
                kind(at(plan_.places[at(place)].tensor)) != LoweredKind::kScratch)
                fail(op_name(op) + " opens " + place_name(place) + " but updates the tensor in place");
            open(place, before);
        }
        Moment others = before;  // and the op itself, which may read what it writes
        merge(others, access);
        for (std::size_t i = 0; i < current.writes.size(); ++i) {
            const std::size_t tensor = at(current.writes[i]);
            Content& content = content_of(tensor, op_name(op));
            if (!covers(others, content.accessed))
                fail(op_name(op) + " may write " + tensor_name(tensor) + " while another action uses it");
            content.version = versions_[op][current.reads.size() + i].after;
            content.written = access;
            merge(content.accessed, access);
        }
    }

    void copy_out(std::int32_t place, const Moment& before, const Moment& access) {
        const std::size_t tensor = at(plan_.places[at(place)].tensor);
        const std::string who = "the copy out of " + place_name(place);
        if (current_[tensor] != place) fail(who + " is not of the tensor's latest place");
        Content& source = content_of(tensor, who);
        read(source, source.version, before, access, who);
        if (!covers(before, host_[tensor].accessed))
            fail(who + " may overwrite the host's copy while another copy uses it");
        host_[tensor] = {source.version, access, access};
    }

    void copy_in(std::int32_t place, const Moment& before, const Moment& access) {
        const std::size_t tensor = at(plan_.places[at(place)].tensor);
        const std::string who = "the copy in to " + place_name(place);
        open(place, before);
        if (host_[tensor].version == kUnwritten) fail(who + " finds nothing in the host's copy");
        read(host_[tensor], host_[tensor].version, before, access, who);
        stages_[at(place)].content = {host_[tensor].version, access, access};
    }

    static void read(Content& content, std::int32_t version, const Moment& before, const Moment& access,
                     const std::string& who) {
        if (content.version != version)
            fail(who + " with version " + std::to_string(content.version) + " of its content instead of " +
                 std::to_string(version));
        if (!covers(before, content.written)) fail(who + " before its content may be complete");
        merge(content.accessed, access);
    }

    Content& content_of(std::size_t tensor, const std::string& who) {
        if (lives_outside(tensor)) return outside_[tensor];
        if (current_[tensor] == kNone) fail(who + " uses " + tensor_name(tensor) + ", which has no open place");
        Stage& stage = stages_[at(current_[tensor])];
        if (stage.lost) fail(who + " uses " + place_name(current_[tensor]) + " after other tensors took its bytes");
        return stage.content;
    }

    // Takes the bytes of a place away from whoever had them; all accesses there must be over.
    void open(std::int32_t index, const Moment& before) {
        const Place& place = plan_.places[at(index)];
        Stage& stage = stages_[at(index)];
        if (opened_at_[at(index)] == execution_) fail(place_name(index) + " is opened twice");
        const std::uint64_t end = place.offset + place.bytes;
        split(place.offset);
        split(end);
        for (auto piece = bytes_.lower_bound(place.offset); piece != bytes_.end() && piece->first < end; ++piece) {
            const std::int32_t owner = piece->second.place;
            if (owner == kNone) continue;
            Stage& earlier = stages_[at(owner)];
            if (!covers(before, earlier.content.accessed))
                fail(place_name(index) + " may be live at once with " + place_name(owner) + " on the same bytes");
            if (owner != index) earlier.lost = true;
        }
        bytes_.erase(bytes_.lower_bound(place.offset), bytes_.lower_bound(end));
        if (place.offset < end) bytes_[place.offset] = {end, index};
        stage = {};
        opened_at_[at(index)] = execution_;
        const std::size_t tensor = at(place.tensor);
        if (current_[tensor] != kNone && current_[tensor] != index) stages_[at(current_[tensor])].lost = true;
        current_[tensor] = index;
    }

    void split(std::uint64_t position) {
        auto piece = bytes_.upper_bound(position);
        if (piece == bytes_.begin()) return;
        --piece;
        if (piece->first == position || piece->second.end <= position) return;
        const Piece tail = piece->second;
        piece->second.end = position;
        bytes_[position] = tail;
    }

    void rename(std::int32_t from, std::int32_t to) {
        for (auto& [begin, piece] : bytes_)
            if (piece.place == from) piece.place = to;
    }

    // Outputs are readable and variables are at home.
    void finish() {
        for (std::size_t tensor = 0; tensor < program_.tensors.size(); ++tensor) {
            const std::int32_t version = last_version_[tensor];
            if (program_.tensors[tensor].is_output &&
                content_of(tensor, "the reader of the outputs").version != version)
                fail(tensor_name(tensor) + " is an output but not in its last version at the end");
            if (home(tensor) == Home::kResident) {
                if (content_of(tensor, "the next program").version != version)
                    fail(tensor_name(tensor) + " is resident but not in its last version at the end");
                if (plan_.places[at(current_[tensor])].offset != plan_.homes[tensor].offset)
                    fail(tensor_name(tensor) + " has not come back to its home");
            }
            if (lives_outside(tensor) && outside_[tensor].version != version)
                fail(tensor_name(tensor) + " is not in its last version at the end");
            if (home(tensor) == Home::kHost && host_[tensor].version != version)
                fail(tensor_name(tensor) + " is away but its host copy is not its last version at the end");
        }
    }

    // What the plan says of itself. Along the list a place is live from the action that opens it to the last that uses
    // it: a lower bound for every way of counting.
    void check_stated_sizes() const {
        struct Span {
            std::size_t first = 0;
            std::size_t last = 0;
            bool used = false;
        };
        // Moment 0 is before the first action, moment i + 1 is action i.
        const std::size_t end = plan_.actions.size() + 1;
        std::vector<Span> spans(plan_.places.size());
        std::vector<std::int32_t> latest(program_.tensors.size(), kNone);
        const auto use = [&](std::int32_t place, std::size_t moment) {
            if (place == kNone) return;
            Span& span = spans[at(place)];
            if (!span.used) span = {moment, moment, true};
            span.last = moment;
        };
        for (const std::int32_t place : plan_.initial_places) {
            latest[at(plan_.places[at(place)].tensor)] = place;
            use(place, 0);
        }
        for (std::size_t i = 0; i < plan_.actions.size(); ++i) {
            const Action& action = plan_.actions[i];
            if (action.kind != ActionKind::kRun) {
                latest[at(plan_.places[at(action.subject)].tensor)] = action.subject;
                use(action.subject, i + 1);
                continue;
            }
            for (const std::int32_t place : action.opens)
                latest[at(plan_.places[at(place)].tensor)] = place;
            for (const std::int32_t tensor : program_.ops[at(action.subject)].reads)
                use(latest[at(tensor)], i + 1);
            for (const std::int32_t tensor : program_.ops[at(action.subject)].writes)
                use(latest[at(tensor)], i + 1);
        }
        for (std::size_t tensor = 0; tensor < latest.size(); ++tensor)
            if (program_.tensors[tensor].is_output || home(tensor) == Home::kResident) use(latest[tensor], end);
        std::vector<std::int64_t> change(end + 2);
        for (std::size_t i = 0; i < spans.size(); ++i) {
            if (!spans[i].used) fail(place_name(static_cast<std::int32_t>(i)) + " is never used");
            const auto bytes = static_cast<std::int64_t>(program_.tensors[at(plan_.places[i].tensor)].bytes);
            change[spans[i].first] += bytes;
            change[spans[i].last + 1] -= bytes;
        }
        std::int64_t live = 0;
        std::int64_t peak = 0;
        for (const std::int64_t step : change)
            peak = std::max(peak, live += step);
        if (static_cast<std::uint64_t>(peak) > plan_.peak_bytes)
            fail("the plan's peak is less than the bytes that are live at once");
        if (plan_.peak_bytes > plan_.extent_bytes) fail("the plan's peak exceeds its extent");
        if (plan_.minimum_bytes > plan_.extent_bytes) fail("the plan's minimum exceeds its extent");
    }

    struct Piece {
        std::uint64_t end;
        std::int32_t place;
    };

    const LoweredProgram& program_;
    const Plan& plan_;
    std::vector<std::vector<Versions>> versions_;  // by op: of its reads, then of its writes
    std::vector<std::int32_t> last_version_;       // by tensor
    std::vector<bool> copied_;                     // by tensor
    std::vector<Stage> stages_;                    // by place
    std::vector<int> opened_at_;                   // by place: the execution that opened it last
    std::vector<std::int32_t> current_;            // by tensor: its latest place
    std::vector<Content> outside_;                 // by tensor
    std::vector<Content> host_;                    // by tensor: the host's copy
    std::map<std::uint64_t, Piece> bytes_;         // the extent, cut into pieces by who had it last
    std::vector<Moment> complete_before_;          // by action of both executions
    Moment start_ = kBeginning;                    // complete before any action of this execution begins
    // By queue: what is complete once its last action so far is.
    std::array<Moment, kQueues> after_last_ = {kBeginning, kBeginning, kBeginning};
    int execution_ = 0;
};

}  // namespace

std::optional<std::string> find_violation(const LoweredProgram& program, const Plan& plan) {
    try {
        Proof(program, plan).check();
    } catch (const Violation& violation) {
        return violation.text;
    }
    return std::nullopt;
}

void check_plan(const LoweredProgram& program, const Plan& plan) {
    if (const auto violation = find_violation(program, plan))
        throw InternalError("plan of program \"" + program.name + "\" is not valid: " + *violation);
}

}  // namespace tensile
