#include "device/cuda/cuda_graphs.h"

#include <algorithm>

namespace tensile {

namespace {

// Recording costs about as much as some plain runs; what is run only once or twice is not worth it.
constexpr int kPlainRuns = 2;

std::span<void* const> pointers_of(const CudaProgram& program, std::span<void* const> pointers, std::int32_t op) {
    const CudaOp& found = program.ops[static_cast<std::size_t>(op)];
    return pointers.subspan(found.inputs, found.end - found.inputs);
}

}  // namespace

TensileGraph* CudaGraphs::graph_for(const CudaProgram& program, std::span<void* const> pointers,
                                    std::span<const std::int32_t> ops, std::span<const std::int64_t> extents,
                                    TensileStream* stream) {
    const auto found = std::ranges::find_if(
        entries_, [&](const Entry& entry) { return matches(entry, program, pointers, ops, extents); });
    if (found == entries_.end()) {
        Entry& entry = entry_to_replace();
        entry.graph.reset();
        entry.ops = {};  // matches nothing until it is whole
        entry.extents.assign(extents.begin(), extents.end());
        entry.pointers.clear();
        for (const std::int32_t op : ops) {
            const auto of_op = pointers_of(program, pointers, op);
            entry.pointers.insert(entry.pointers.end(), of_op.begin(), of_op.end());
        }
        entry.ops = ops;
        entry.plain_runs = 1;
        entry.is_refused = false;
        entry.last_use = ++uses_;
        return nullptr;
    }
    found->last_use = ++uses_;
    if (!found->graph && !found->is_refused && found->plain_runs++ >= kPlainRuns)
        record(*found, program, pointers, stream);
    return found->graph.get();
}

bool CudaGraphs::matches(const Entry& entry, const CudaProgram& program, std::span<void* const> pointers,
                         std::span<const std::int32_t> ops, std::span<const std::int64_t> extents) {
    if (entry.ops.data() != ops.data() || entry.ops.size() != ops.size() || !std::ranges::equal(entry.extents, extents))
        return false;
    auto recorded = entry.pointers.begin();
    for (const std::int32_t op : ops) {
        const auto of_op = pointers_of(program, pointers, op);
        if (!std::equal(of_op.begin(), of_op.end(), recorded)) return false;
        recorded += static_cast<std::ptrdiff_t>(of_op.size());
    }
    return true;
}

// What has no graph first, then what has not been used for longest.
CudaGraphs::Entry& CudaGraphs::entry_to_replace() {
    return *std::ranges::min_element(
        entries_, {}, [](const Entry& entry) { return std::pair(entry.graph != nullptr, entry.last_use); });
}

void CudaGraphs::record(Entry& entry, const CudaProgram& program, std::span<void* const> pointers,
                        TensileStream* stream) {
    const CudaContext& context = *program.context;
    const TensileDeviceTable& table = context.table();
    TensileStatus status = empty_status();
    bool succeeds = table.graph_begin(stream, &status) == TENSILE_OK;
    if (succeeds) {
        for (const std::int32_t op : entry.ops) {
            succeeds = program.ops[static_cast<std::size_t>(op)].launch(table, pointers, stream, entry.extents,
                                                                        &status) == TENSILE_OK;
            if (!succeeds) break;
        }
        // Also after a failure: the stream has to leave the recording.
        TensileStatus end = empty_status();
        TensileGraph* graph = nullptr;
        if (table.graph_end(stream, &graph, &end) == TENSILE_OK) entry.graph = Graph(graph, {&table});
        if (succeeds && !entry.graph) status = end;
        succeeds = succeeds && entry.graph;
    }
    if (succeeds) return;
    entry.graph.reset();
    if (status.sticky != 0) context.fail(status, "record a graph of the GPU");
    entry.is_refused = true;
}

}  // namespace tensile
