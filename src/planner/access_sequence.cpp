// Access sequences; see access_sequence.h.
#include "planner/access_sequence.h"

#include <algorithm>

namespace tensile {

namespace {

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

}  // namespace

AccessSequence::AccessSequence(const LoweredProgram& program, std::span<const std::int32_t> order,
                               std::span<const double> op_seconds, std::span<const TensorHome> homes)
    : program_(&program),
      order_(order.begin(), order.end()),
      op_seconds_(op_seconds.begin(), op_seconds.end()),
      homes_(homes.begin(), homes.end()),
      placed_(program.tensors.size()),
      only_writers_(program.tensors.size(), -1),
      positions_(program.ops.size()),
      may_rerun_(program.ops.size(), true) {
    const std::size_t tensor_count = program.tensors.size();
    std::vector<std::size_t> use_counts(tensor_count);
    std::vector<std::size_t> write_counts(tensor_count);
    for (std::size_t i = 0; i < tensor_count; ++i) {
        const LoweredTensor& tensor = program.tensors[i];
        placed_[i] = tensor.kind != LoweredKind::kConstant &&
                     (tensor.kind != LoweredKind::kVariable || homes_[i].home != Home::kNone);
    }
    op_begins_.reserve(program.ops.size() + 1);
    op_begins_.push_back(0);
    for (const LoweredOp& op : program.ops) {
        const std::size_t begin = op_tensors_.size();
        for (const std::int32_t tensor : op.reads)
            if (placed_[at(tensor)])
                op_tensors_.push_back({tensor, program.tensors[at(tensor)].kind != LoweredKind::kScratch, false});
        for (const std::int32_t tensor : op.writes) {
            ++write_counts[at(tensor)];
            if (!placed_[at(tensor)]) continue;
            const auto known = std::find_if(op_tensors_.begin() + static_cast<std::ptrdiff_t>(begin), op_tensors_.end(),
                                            [&](const OpTensor& other) { return other.tensor == tensor; });
            if (known == op_tensors_.end())
                op_tensors_.push_back({tensor, false, true});
            else
                known->writes = true;
        }
        for (std::size_t i = begin; i < op_tensors_.size(); ++i)
            ++use_counts[at(op_tensors_[i].tensor)];
        op_begins_.push_back(op_tensors_.size());
    }
    const auto is_given = [&](std::size_t tensor) {
        return program.tensors[tensor].kind == LoweredKind::kInput || homes_[tensor].home == Home::kResident;
    };
    const auto is_kept = [&](std::size_t tensor) {
        return placed_[tensor] && (program.tensors[tensor].is_output || homes_[tensor].home == Home::kResident);
    };
    use_begins_.assign(tensor_count + 1, 0);
    write_begins_.assign(tensor_count + 1, 0);
    for (std::size_t i = 0; i < tensor_count; ++i) {
        use_begins_[i + 1] = use_begins_[i] + use_counts[i] + (is_given(i) ? 1 : 0) + (is_kept(i) ? 1 : 0);
        write_begins_[i + 1] = write_begins_[i] + write_counts[i];
    }
    uses_.resize(use_begins_.back());
    writes_.resize(write_begins_.back());
    std::vector<std::size_t> next_use(use_begins_.begin(), use_begins_.end() - 1);
    std::vector<std::size_t> next_write(write_begins_.begin(), write_begins_.end() - 1);
    for (std::size_t i = 0; i < tensor_count; ++i)
        if (is_given(i)) uses_[next_use[i]++] = kBeforeFirst;
    begins_.reserve(order_.size() + 1);
    double now = 0;
    for (std::int32_t position = 0; position < end(); ++position) {
        const std::int32_t op = op_at(position);
        positions_[at(op)] = position;
        begins_.push_back(now);
        now += op_seconds_[at(op)];
        for (const OpTensor& used : tensors_of(op))
            uses_[next_use[at(used.tensor)]++] = position;
        for (const std::int32_t tensor : program.ops[at(op)].writes)
            writes_[next_write[at(tensor)]++] = position;
    }
    begins_.push_back(now);
    for (std::size_t i = 0; i < tensor_count; ++i)
        if (is_kept(i)) uses_[next_use[i]++] = end();

    for (std::size_t op = 0; op < program.ops.size(); ++op)
        for (const std::int32_t tensor : program.ops[op].writes) {
            const LoweredKind kind = program.tensors[at(tensor)].kind;
            if (kind == LoweredKind::kScratch) continue;
            const std::vector<std::int32_t>& reads = program.ops[op].reads;
            const bool once = write_counts[at(tensor)] == 1 && kind == LoweredKind::kResult &&
                              std::find(reads.begin(), reads.end(), tensor) == reads.end();
            if (!once) may_rerun_[op] = false;
            if (write_counts[at(tensor)] == 1) only_writers_[at(tensor)] = static_cast<std::int32_t>(op);
        }
}

std::int32_t AccessSequence::next_write(std::int32_t tensor, std::int32_t position) const {
    for (std::size_t i = write_begins_[at(tensor)]; i < write_begins_[at(tensor) + 1]; ++i)
        if (writes_[i] > position) return writes_[i];
    return kNever;
}

std::vector<std::uint64_t> AccessSequence::live_bytes() const {
    std::vector<std::int64_t> live(order_.size() + 3);
    for (std::int32_t tensor = 0; tensor < static_cast<std::int32_t>(placed_.size()); ++tensor) {
        const std::span<const std::int32_t> uses = uses_of(tensor);
        if (uses.empty()) continue;
        const auto bytes = static_cast<std::int64_t>(aligned_size(program_->tensors[at(tensor)].bytes));
        live[at(uses.front() + 1)] += bytes;
        live[at(uses.back() + 2)] -= bytes;
    }
    std::vector<std::uint64_t> result(order_.size() + 2);
    std::int64_t now = 0;
    for (std::size_t i = 0; i < result.size(); ++i)
        result[i] = static_cast<std::uint64_t>(now += live[i]);
    return result;
}

}  // namespace tensile
