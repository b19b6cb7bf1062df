// The proof of a plan; see checker.h. Includes nothing of the planner but the plan's format.
#include "planner/checker.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tensor/error.h"

namespace tensile {

namespace {

// Thrown inside this file only.
struct Violation {
    std::string text;
};

// Square bit matrix: row a has bit b when action b is complete in every execution before action a begins.
class Ancestors {
  public:
    explicit Ancestors(std::size_t count) : words_((count + 63) / 64), bits_(count * words_) {}

    void set(std::size_t action, std::size_t ancestor) {
        row(action)[ancestor / 64] |= std::uint64_t{1} << (ancestor % 64);
    }
    void merge(std::size_t action, std::size_t from) {
        for (std::size_t word = 0; word < words_; ++word)
            row(action)[word] |= row(from)[word];
    }
    bool test(std::size_t action, std::size_t ancestor) const {
        return (row(action)[ancestor / 64] >> (ancestor % 64) & 1) != 0;
    }
    std::size_t words() const { return words_; }
    const std::uint64_t* row(std::size_t action) const { return bits_.data() + action * words_; }

  private:
    std::uint64_t* row(std::size_t action) { return bits_.data() + action * words_; }
    std::size_t words_;
    std::vector<std::uint64_t> bits_;
};

struct Use {
    std::size_t op;
    bool reads;
    bool writes;
};

class Proof {
  public:
    Proof(const LoweredProgram& program, const Plan& plan)
        : program_(program),
          plan_(plan),
          before_(plan.actions.size()),
          run_of_(program.ops.size(), kMissing),
          release_of_(program.tensors.size(), kMissing),
          uses_(program.tensors.size()) {}

    void check() {
        check_actions();
        collect_uses();
        for (std::size_t tensor = 0; tensor < program_.tensors.size(); ++tensor) {
            check_place(tensor);
            check_order_of_uses(tensor);
            check_release(tensor);
        }
        check_bytes();
        check_stated_sizes();
    }

  private:
    static constexpr std::size_t kMissing = ~std::size_t{0};

    [[noreturn]] static void fail(std::string text) { throw Violation{std::move(text)}; }
    std::string tensor_name(std::size_t tensor) const {
        return "tensor " + std::to_string(tensor) + " \"" + program_.tensors[tensor].name + "\"";
    }
    std::string op_name(std::size_t op) const {
        return "op " + std::to_string(op) + " \"" + program_.ops[op].name + "\"";
    }
    bool lives_in_extent(std::size_t tensor) const {
        const LoweredKind kind = program_.tensors[tensor].kind;
        return kind != LoweredKind::kVariable && kind != LoweredKind::kConstant;
    }
    bool runs_before(std::size_t earlier_op, std::size_t later_op) const {
        return before_.test(run_of_[later_op], run_of_[earlier_op]);
    }

    // Well-formed actions, each op exactly once, each tensor released at most once; builds the closure.
    void check_actions() {
        for (std::size_t i = 0; i < plan_.actions.size(); ++i) {
            const Action& action = plan_.actions[i];
            for (const std::int32_t earlier : action.after) {
                if (earlier < 0 || static_cast<std::size_t>(earlier) >= i)
                    fail("action " + std::to_string(i) + " waits for an action that is not before it");
                before_.merge(i, static_cast<std::size_t>(earlier));
                before_.set(i, static_cast<std::size_t>(earlier));
            }
            const bool runs = action.kind == ActionKind::kRun;
            if (!runs && action.kind != ActionKind::kRelease)
                fail("action " + std::to_string(i) + " is of a kind that this proof does not know");
            std::vector<std::size_t>& place = runs ? run_of_ : release_of_;
            const auto subject = static_cast<std::size_t>(action.subject);
            if (action.subject < 0 || subject >= place.size())
                fail("action " + std::to_string(i) + " names a subject that does not exist");
            if (place[subject] != kMissing)
                fail((runs ? op_name(subject) + " runs" : tensor_name(subject) + " is released") + " twice");
            place[subject] = i;
        }
        for (std::size_t op = 0; op < run_of_.size(); ++op)
            if (run_of_[op] == kMissing) fail(op_name(op) + " never runs");
    }

    void collect_uses() {
        for (std::size_t op = 0; op < program_.ops.size(); ++op) {
            const auto note = [&](std::int32_t tensor, bool writes) {
                if (tensor < 0 || static_cast<std::size_t>(tensor) >= uses_.size())
                    fail(op_name(op) + " uses a tensor that does not exist");
                std::vector<Use>& uses = uses_[static_cast<std::size_t>(tensor)];
                if (uses.empty() || uses.back().op != op) uses.push_back({op, false, false});
                (writes ? uses.back().writes : uses.back().reads) = true;
            };
            for (const std::int32_t tensor : program_.ops[op].reads)
                note(tensor, false);
            for (const std::int32_t tensor : program_.ops[op].writes)
                note(tensor, true);
        }
    }

    void check_place(std::size_t tensor) const {
        if (plan_.offsets.size() != program_.tensors.size()) fail("the plan has offsets for another program");
        const std::uint64_t offset = plan_.offsets[tensor];
        if (!lives_in_extent(tensor)) {
            if (offset != kNoOffset) fail(tensor_name(tensor) + " has an offset but lives outside the extent");
            return;
        }
        if (offset == kNoOffset) fail(tensor_name(tensor) + " has no offset");
        if (offset % kTensorAlignment != 0) fail(tensor_name(tensor) + " is not aligned");
        const std::uint64_t bytes = program_.tensors[tensor].bytes;
        if (offset > plan_.extent_bytes || bytes > plan_.extent_bytes - offset)
            fail(tensor_name(tensor) + " reaches beyond the extent");
    }

    // Uses that conflict happen in the program's order, and what is read has been written.
    void check_order_of_uses(std::size_t tensor) const {
        const LoweredKind kind = program_.tensors[tensor].kind;
        bool has_content = kind != LoweredKind::kResult && kind != LoweredKind::kScratch;
        std::vector<std::size_t> since_write;  // ops that a next write must wait for
        std::size_t writer = kMissing;
        for (const Use& use : uses_[tensor]) {
            if (kind == LoweredKind::kConstant && use.writes) fail(op_name(use.op) + " writes " + tensor_name(tensor));
            if (kind == LoweredKind::kScratch && (uses_[tensor].size() > 1 || !use.writes))
                fail(tensor_name(tensor) + " is scratch but is used by more than the op that writes it");
            if (kind != LoweredKind::kScratch && use.reads && !has_content)
                fail(op_name(use.op) + " reads " + tensor_name(tensor) + " before any op has written it");
            if (use.reads && writer != kMissing && !runs_before(writer, use.op))
                fail(op_name(use.op) + " may read " + tensor_name(tensor) + " before " + op_name(writer) +
                     " has written it");
            if (use.writes) {
                for (const std::size_t other : since_write)
                    if (!runs_before(other, use.op))
                        fail(op_name(use.op) + " may write " + tensor_name(tensor) + " while " + op_name(other) +
                             " uses its earlier content");
                since_write.clear();
                writer = use.op;
                has_content = true;
            }
            since_write.push_back(use.op);
        }
        if (program_.tensors[tensor].is_output && !has_content)
            fail(tensor_name(tensor) + " is an output that nothing writes");
    }

    void check_release(std::size_t tensor) const {
        if (release_of_[tensor] == kMissing) return;
        if (!lives_in_extent(tensor)) fail(tensor_name(tensor) + " is released but lives outside the extent");
        if (program_.tensors[tensor].is_output) fail(tensor_name(tensor) + " is an output and must not be released");
        for (const Use& use : uses_[tensor])
            if (!before_.test(release_of_[tensor], run_of_[use.op]))
                fail(tensor_name(tensor) + " may be released while " + op_name(use.op) + " uses it");
    }

    // No two tensors that can be live in one execution share a byte. A tensor's life can begin with any of its uses
    // (an input's with the feeding before all actions), so its whole use must wait for the release of the other.
    void check_bytes() const {
        std::vector<std::size_t> by_offset;
        for (std::size_t tensor = 0; tensor < program_.tensors.size(); ++tensor)
            if (lives_in_extent(tensor) && program_.tensors[tensor].bytes > 0) by_offset.push_back(tensor);
        std::stable_sort(by_offset.begin(), by_offset.end(),
                         [&](std::size_t a, std::size_t b) { return plan_.offsets[a] < plan_.offsets[b]; });

        // Bit b of row t: action b is complete before every use of tensor t.
        const std::size_t words = before_.words();
        std::vector<std::uint64_t> common(program_.tensors.size() * words);
        for (const std::size_t tensor : by_offset) {
            if (program_.tensors[tensor].kind == LoweredKind::kInput || uses_[tensor].empty()) continue;
            std::uint64_t* const row = common.data() + tensor * words;
            std::fill(row, row + words, ~std::uint64_t{0});
            for (const Use& use : uses_[tensor]) {
                const std::uint64_t* const ancestors = before_.row(run_of_[use.op]);
                for (std::size_t word = 0; word < words; ++word)
                    row[word] &= ancestors[word];
            }
        }
        const auto waits_for_release_of = [&](std::size_t later, std::size_t earlier) {
            const std::size_t release = release_of_[earlier];
            return release != kMissing && (common[later * words + release / 64] >> (release % 64) & 1) != 0;
        };
        for (std::size_t i = 0; i < by_offset.size(); ++i) {
            const std::size_t a = by_offset[i];
            if (is_never_live(a)) continue;
            const std::uint64_t end = plan_.offsets[a] + program_.tensors[a].bytes;
            for (std::size_t j = i + 1; j < by_offset.size() && plan_.offsets[by_offset[j]] < end; ++j) {
                const std::size_t b = by_offset[j];
                if (is_never_live(b) || waits_for_release_of(a, b) || waits_for_release_of(b, a)) continue;
                fail(tensor_name(a) + " and " + tensor_name(b) + " may be live at once on the same bytes");
            }
        }
    }

    bool is_never_live(std::size_t tensor) const {
        const LoweredTensor& lowered = program_.tensors[tensor];
        return uses_[tensor].empty() && lowered.kind != LoweredKind::kInput && !lowered.is_output;
    }

    // What the plan says of itself: the list order is one of the executions, so its live bytes are a lower bound.
    void check_stated_sizes() const {
        std::uint64_t live = 0;
        std::uint64_t peak = 0;
        std::vector<bool> present(program_.tensors.size());
        for (std::size_t tensor = 0; tensor < present.size(); ++tensor)
            if (program_.tensors[tensor].kind == LoweredKind::kInput) {
                present[tensor] = true;
                live += program_.tensors[tensor].bytes;
            }
        peak = live;
        for (const Action& action : plan_.actions) {
            const auto subject = static_cast<std::size_t>(action.subject);
            if (action.kind == ActionKind::kRelease) {
                if (present[subject]) live -= program_.tensors[subject].bytes;
                present[subject] = false;
                continue;
            }
            for (const std::int32_t written : program_.ops[subject].writes) {
                const auto tensor = static_cast<std::size_t>(written);
                if (!lives_in_extent(tensor) || present[tensor]) continue;
                present[tensor] = true;
                live += program_.tensors[tensor].bytes;
            }
            peak = std::max(peak, live);
        }
        if (peak > plan_.peak_bytes) fail("the plan's peak is less than the bytes that are live at once");
        if (plan_.peak_bytes > plan_.extent_bytes) fail("the plan's peak exceeds its extent");
        if (plan_.minimum_bytes > plan_.extent_bytes) fail("the plan's minimum exceeds its extent");
    }

    const LoweredProgram& program_;
    const Plan& plan_;
    Ancestors before_;
    std::vector<std::size_t> run_of_;      // action, by op
    std::vector<std::size_t> release_of_;  // action, by tensor
    std::vector<std::vector<Use>> uses_;   // by tensor, in the program's order
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
