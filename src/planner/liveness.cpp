// Live ranges, and the plan that moves nothing; see liveness.h.
#include "planner/liveness.h"

#include <algorithm>
#include <map>

#include "planner/offsets.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::int32_t kNone = -1;

bool contains(const std::vector<std::int32_t>& list, std::int32_t value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

void add_once(std::vector<std::int32_t>& list, std::int32_t value) {
    if (!contains(list, value)) list.push_back(value);
}

// For every byte of the extent, the release that freed it last: whoever takes the byte next must wait for that one, and
// for no earlier one, because the tensor released there has itself waited for its predecessors.
class ReleasedBytes {
  public:
    explicit ReleasedBytes(std::uint64_t extent_bytes) { owner_[0] = {extent_bytes, kNone}; }

    // Adds the releases below [begin, end) to `after`.
    void collect(std::uint64_t begin, std::uint64_t end, std::vector<std::int32_t>& after) const {
        if (begin == end) return;
        for (auto it = std::prev(owner_.upper_bound(begin)); it != owner_.end() && it->first < end; ++it)
            if (it->second.release != kNone) add_once(after, it->second.release);
    }

    void assign(std::uint64_t begin, std::uint64_t end, std::int32_t release) {
        if (begin == end) return;
        split(begin);
        split(end);
        owner_.erase(owner_.lower_bound(begin), owner_.lower_bound(end));
        owner_[begin] = {end, release};
    }

  private:
    struct Piece {
        std::uint64_t end;
        std::int32_t release;
    };

    void split(std::uint64_t at) {
        auto it = owner_.upper_bound(at);
        if (it == owner_.begin()) return;
        --it;
        if (it->first == at || it->second.end <= at) return;
        const Piece tail = it->second;
        it->second.end = at;
        owner_[at] = tail;
    }

    std::map<std::uint64_t, Piece> owner_;
};

// Who has touched a tensor since it was written last.
struct AccessState {
    std::int32_t writer = kNone;        // action
    std::vector<std::int32_t> readers;  // actions since `writer`
};

// Emits the actions of a program whose offsets are known.
class ActionList {
  public:
    ActionList(const LoweredProgram& program, const std::vector<LiveRange>& ranges, Plan& plan)
        : program_(program),
          plan_(plan),
          accesses_(program.tensors.size()),
          dying_(program.ops.size() + 1),
          released_(plan.extent_bytes) {
        for (std::size_t i = 0; i < program.tensors.size(); ++i) {
            const LoweredTensor& tensor = program.tensors[i];
            if (!is_transient(tensor.kind) || tensor.is_output) continue;
            dying_[static_cast<std::size_t>(std::int64_t{ranges[i].last} + 1)].push_back(static_cast<std::int32_t>(i));
        }
    }

    void emit() {
        release_all(dying_[0]);  // inputs that no op reads
        for (std::size_t op = 0; op < program_.ops.size(); ++op) {
            run(static_cast<std::int32_t>(op));
            release_all(dying_[op + 1]);
        }
    }

  private:
    void run(std::int32_t index) {
        const LoweredOp& op = program_.ops[static_cast<std::size_t>(index)];
        Action action{ActionKind::kRun, index, {}};
        for (std::int32_t tensor : op.reads) {
            const AccessState& access = at(tensor);
            if (access.writer != kNone) add_once(action.after, access.writer);
        }
        for (std::int32_t tensor : op.writes) {
            const AccessState& access = at(tensor);
            for (std::int32_t reader : access.readers)
                add_once(action.after, reader);
            if (access.readers.empty() && access.writer != kNone) add_once(action.after, access.writer);
            if (access.readers.empty() && access.writer == kNone) collect_released(tensor, action.after);
        }
        const auto self = append(std::move(action));
        for (std::int32_t tensor : op.reads)
            if (!contains(op.writes, tensor)) add_once(at(tensor).readers, self);
        for (std::int32_t tensor : op.writes) {
            at(tensor).writer = self;
            at(tensor).readers.clear();
        }
    }

    void release_all(const std::vector<std::int32_t>& tensors) {
        for (std::int32_t tensor : tensors) {
            const AccessState& access = at(tensor);
            Action action{ActionKind::kRelease, tensor, access.readers};
            if (access.readers.empty() && access.writer != kNone) action.after.push_back(access.writer);
            const auto self = append(std::move(action));
            const std::uint64_t begin = plan_.offsets[static_cast<std::size_t>(tensor)];
            released_.assign(begin, begin + program_.tensors[static_cast<std::size_t>(tensor)].bytes, self);
        }
    }

    void collect_released(std::int32_t tensor, std::vector<std::int32_t>& after) const {
        const auto slot = static_cast<std::size_t>(tensor);
        if (!is_transient(program_.tensors[slot].kind) || program_.tensors[slot].kind == LoweredKind::kInput) return;
        released_.collect(plan_.offsets[slot], plan_.offsets[slot] + program_.tensors[slot].bytes, after);
    }

    std::int32_t append(Action action) {
        std::sort(action.after.begin(), action.after.end());
        plan_.actions.push_back(std::move(action));
        return static_cast<std::int32_t>(plan_.actions.size()) - 1;
    }

    AccessState& at(std::int32_t tensor) { return accesses_[static_cast<std::size_t>(tensor)]; }

    const LoweredProgram& program_;
    Plan& plan_;
    std::vector<AccessState> accesses_;
    std::vector<std::vector<std::int32_t>> dying_;  // by op that uses them last, plus one
    ReleasedBytes released_;
};

}  // namespace

bool is_transient(LoweredKind kind) {
    return kind == LoweredKind::kInput || kind == LoweredKind::kResult || kind == LoweredKind::kScratch;
}

std::vector<LiveRange> live_ranges(const LoweredProgram& program) {
    const auto op_count = static_cast<std::int32_t>(program.ops.size());
    constexpr std::int32_t kUnseen = -2;
    std::vector<LiveRange> ranges(program.tensors.size(), LiveRange{kUnseen, kUnseen});
    for (std::size_t i = 0; i < program.tensors.size(); ++i)
        if (program.tensors[i].kind == LoweredKind::kInput)
            ranges[i] = {LiveRange::kBeforeFirst, LiveRange::kBeforeFirst};
    for (std::int32_t op = 0; op < op_count; ++op) {
        const LoweredOp& current = program.ops[static_cast<std::size_t>(op)];
        const auto use = [&](std::int32_t tensor, bool reads) {
            const auto slot = static_cast<std::size_t>(tensor);
            LiveRange& range = ranges.at(slot);
            if (range.first == kUnseen) {
                if (reads && is_transient(program.tensors[slot].kind))
                    throw InternalError("op \"" + current.name + "\" reads \"" + program.tensors[slot].name +
                                        "\" before any op has written it");
                range.first = op;
            }
            range.last = op;
        };
        // Scratch that a device lists as read as well is written by the same op first.
        for (std::int32_t tensor : current.reads)
            use(tensor, program.tensors.at(static_cast<std::size_t>(tensor)).kind != LoweredKind::kScratch);
        for (std::int32_t tensor : current.writes)
            use(tensor, false);
    }
    for (std::size_t i = 0; i < program.tensors.size(); ++i) {
        if (ranges[i].first == kUnseen) ranges[i] = {0, 0};
        if (program.tensors[i].is_output) ranges[i].last = op_count;
    }
    return ranges;
}

Plan plan_in_place(const LoweredProgram& program) {
    const std::vector<LiveRange> ranges = live_ranges(program);

    std::vector<TimedBlock> requests;
    std::vector<std::size_t> tensors;  // by request
    for (std::size_t i = 0; i < program.tensors.size(); ++i) {
        if (!is_transient(program.tensors[i].kind)) continue;
        requests.push_back({ranges[i].first, ranges[i].last, program.tensors[i].bytes});
        tensors.push_back(i);
    }
    const OffsetAssignment placement = assign_offsets(requests, kTensorAlignment);

    Plan plan;
    plan.program = program.name;
    plan.offsets.assign(program.tensors.size(), kNoOffset);
    for (std::size_t i = 0; i < tensors.size(); ++i)
        plan.offsets[tensors[i]] = placement.offsets[i];
    plan.extent_bytes = placement.extent_bytes;
    plan.peak_bytes = placement.peak_bytes;
    // Nothing can leave the extent under this plan, so it is the least to run with.
    plan.minimum_bytes = placement.extent_bytes;
    ActionList(program, ranges, plan).emit();
    return plan;
}

}  // namespace tensile
