// List scheduling that deviates from the program only for ops that release memory; see op_order.h.
#include "planner/op_order.h"

#include <algorithm>
#include <limits>
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
    struct Ready {
        double allocated_per_freed;
        std::int32_t op;
    };

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

    // The op, and then all that it makes ready and that release memory: those first that allocate least for what they
    // free.
    void run(std::int32_t first) {
        std::vector<Ready> ready = {{0, first}};
        while (!ready.empty()) {
            const auto next = std::min_element(ready.begin(), ready.end(), [](const Ready& a, const Ready& b) {
                return a.allocated_per_freed != b.allocated_per_freed ? a.allocated_per_freed < b.allocated_per_freed
                                                                      : a.op < b.op;
            });
            const std::int32_t op = next->op;
            ready.erase(next);
            is_done_[at(op)] = true;
            order_.push_back(op);
            for (const std::int32_t tensor : program_.ops[at(op)].reads)
                --uses_left_[at(tensor)];
            for (const std::int32_t tensor : program_.ops[at(op)].writes)
                --uses_left_[at(tensor)];
            for (const std::int32_t later : successors_[at(op)]) {
                if (--missing_[at(later)] > 0) continue;
                const double ratio = allocated_per_freed(later);
                if (ratio <= 1) ready.push_back({ratio, later});
            }
        }
    }

    double allocated_per_freed(std::int32_t op) const {
        const LoweredOp& current = program_.ops[at(op)];
        double freed = 0;
        double allocated = 0;
        for (const std::int32_t tensor : current.reads) {
            const LoweredTensor& described = program_.tensors[at(tensor)];
            const bool transient = described.kind == LoweredKind::kInput || described.kind == LoweredKind::kResult;
            const bool updates =
                std::find(current.writes.begin(), current.writes.end(), tensor) != current.writes.end();
            if (transient && !described.is_output && uses_left_[at(tensor)] == (updates ? 2 : 1))
                freed += static_cast<double>(described.bytes);
        }
        for (const std::int32_t tensor : current.writes) {
            const bool updates = std::find(current.reads.begin(), current.reads.end(), tensor) != current.reads.end();
            if (program_.tensors[at(tensor)].kind == LoweredKind::kResult && !updates)
                allocated += static_cast<double>(program_.tensors[at(tensor)].bytes);
        }
        return freed > 0 ? allocated / freed : std::numeric_limits<double>::infinity();
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
