// List scheduling that deviates from the program only for ops that release memory; see op_order.h.
#include "planner/op_order.h"

#include <algorithm>
#include <utility>

namespace tensile {

namespace {

class ReleasingOrder {
  public:
    explicit ReleasingOrder(const LoweredProgram& program)
        : program_(program),
          successors_(program.ops.size()),
          missing_(program.ops.size()),
          is_done_(program.ops.size()),
          uses_left_(program.tensors.size()) {}

    std::vector<std::int32_t> find() {
        link();
        const auto count = static_cast<std::int32_t>(program_.ops.size());
        for (std::int32_t op = 0; op < count; ++op)
            if (!is_done_[at(op)]) run(op);
        return std::move(order_);
    }

  private:
    static std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }

    void depend(std::int32_t later, std::int32_t earlier) {
        if (earlier < 0 || earlier == later) return;
        std::vector<std::int32_t>& list = successors_[at(earlier)];
        if (!list.empty() && list.back() == later) return;
        list.push_back(later);
        ++missing_[at(later)];
    }

    // Reads follow the last write; writes follow the last write and all reads since.
    void link() {
        std::vector<std::int32_t> writer(program_.tensors.size(), -1);
        std::vector<std::vector<std::int32_t>> readers(program_.tensors.size());
        for (std::int32_t op = 0; op < static_cast<std::int32_t>(program_.ops.size()); ++op) {
            const LoweredOp& current = program_.ops[at(op)];
            for (const std::int32_t tensor : current.reads) {
                depend(op, writer[at(tensor)]);
                readers[at(tensor)].push_back(op);
                ++uses_left_[at(tensor)];
            }
            for (const std::int32_t tensor : current.writes) {
                depend(op, writer[at(tensor)]);
                for (const std::int32_t reader : readers[at(tensor)])
                    depend(op, reader);
                readers[at(tensor)].clear();
                writer[at(tensor)] = op;
                ++uses_left_[at(tensor)];
            }
        }
    }

    // A loop, not a recursion: a chain of releasing ops may be long.
    void run(std::int32_t first) {
        std::vector<std::int32_t> ready = {first};
        while (!ready.empty()) {
            const std::int32_t op = ready.back();
            ready.pop_back();
            if (is_done_[at(op)]) continue;
            is_done_[at(op)] = true;
            order_.push_back(op);
            for (const std::int32_t tensor : program_.ops[at(op)].reads)
                --uses_left_[at(tensor)];
            for (const std::int32_t tensor : program_.ops[at(op)].writes)
                --uses_left_[at(tensor)];
            const std::vector<std::int32_t>& next = successors_[at(op)];
            for (const std::int32_t later : next)
                --missing_[at(later)];
            for (auto later = next.rbegin(); later != next.rend(); ++later)
                if (missing_[at(*later)] == 0 && releases(*later)) ready.push_back(*later);
        }
    }

    bool releases(std::int32_t op) const {
        const LoweredOp& current = program_.ops[at(op)];
        std::uint64_t freed = 0;
        std::uint64_t allocated = 0;
        for (const std::int32_t tensor : current.reads) {
            const LoweredTensor& described = program_.tensors[at(tensor)];
            const bool transient = described.kind == LoweredKind::kInput || described.kind == LoweredKind::kResult;
            const bool updates =
                std::find(current.writes.begin(), current.writes.end(), tensor) != current.writes.end();
            if (transient && !described.is_output && uses_left_[at(tensor)] == (updates ? 2 : 1))
                freed += described.bytes;
        }
        for (const std::int32_t tensor : current.writes) {
            const bool updates = std::find(current.reads.begin(), current.reads.end(), tensor) != current.reads.end();
            if (program_.tensors[at(tensor)].kind == LoweredKind::kResult && !updates)
                allocated += program_.tensors[at(tensor)].bytes;
        }
        return freed > 0 && freed >= allocated;
    }

    const LoweredProgram& program_;
    std::vector<std::vector<std::int32_t>> successors_;
    std::vector<std::int32_t> missing_;  // by op: ops that must run before it
    std::vector<bool> is_done_;
    std::vector<std::int32_t> uses_left_;  // by tensor
    std::vector<std::int32_t> order_;
};

}  // namespace

std::vector<std::int32_t> releasing_order(const LoweredProgram& program) {
    return ReleasingOrder(program).find();
}

}  // namespace tensile
