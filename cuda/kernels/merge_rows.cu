// merge_rows and densify_rows: rows of a row-sparse gradient that name the same table row added up, into as many slots
// or into a dense table. Sums run in a fixed order without atomics: each window of kRunWindow sorted entries in slot
// order, then the windows of a long run, first window first. Definitions: graph/ops/merge_rows.h, densify_rows.h of the
// engine.
#include <algorithm>

#include "cuda/kernel_registry.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/grid_walk.h"
#include "cuda/kernels/row_runs.h"

namespace tensile::cuda {

namespace {

// Rows that a thread has under way at once.
constexpr int kRowsAhead = 8;

template <int kElements>
__device__ void add_to(Vector<float, kElements>& sum, const Vector<float, kElements>& x) {
    for (int i = 0; i < kElements; ++i)
        sum.values[i] += x.values[i];
}

// What is added up, and where sums go.
template <int kElements>
struct Sums {
    using Elements = Vector<float, kElements>;

    RowRuns runs;
    const Elements* rows;
    std::int64_t vectors;  // of a row
    std::int64_t slots;    // of the result: no more runs than these
    std::int64_t windows;
    // Two rows a window: the part in it of the run that came from before, and of the run that goes on after it.
    Elements* parts;
    Elements* result;
    // The table row that each slot of the result stands for. Null: the result is a table, and a run's sum goes to its
    // row.
    std::int32_t* slot_rows;

    __device__ Elements* part(std::int64_t window, int which) const { return parts + (2 * window + which) * vectors; }
    __device__ Elements* target(std::int64_t run) const {
        return result + (slot_rows == nullptr ? std::int64_t{runs.rows[run]} : run) * vectors;
    }

    // Column `column` of the rows of sorted entries [begin, end), added up in order.
    __device__ Elements sum_entries(std::int64_t begin, std::int64_t end, std::int64_t column) const {
        Elements sum = row_at(begin, column);
        std::int64_t place = begin + 1;
        for (; place + kRowsAhead <= end; place += kRowsAhead) {
            Elements next[kRowsAhead];
            for (int i = 0; i < kRowsAhead; ++i)
                next[i] = row_at(place + i, column);
            for (int i = 0; i < kRowsAhead; ++i)
                add_to(sum, next[i]);
        }
        for (; place < end; ++place)
            add_to(sum, row_at(place, column));
        return sum;
    }

  private:
    __device__ Elements row_at(std::int64_t place, std::int64_t column) const {
        return rows[std::int64_t{runs.entries[place].slot} * vectors + column];
    }
};

__device__ inline std::int64_t least(std::int64_t a, std::int64_t b) {
    return a < b ? a : b;
}

// Work items are the runs, each up to the end of the window that it begins in, then the windows, each the part of the
// run that came from before. Slots of the result without a run get zeros.
template <int kElements>
__global__ void sum_windows(Sums<kElements> sums) {
    const std::int64_t runs = *sums.runs.count;
    if (sums.slot_rows != nullptr)
        for (std::int64_t slot = grid_thread(); slot < sums.slots; slot += grid_threads())
            sums.slot_rows[slot] = slot < runs ? static_cast<std::int32_t>(sums.runs.rows[slot]) : -1;
    for (RowWalk at(sums.vectors); at.row < sums.slots + sums.windows; at.advance()) {
        if (at.row < sums.slots) {
            const std::int64_t run = at.row;
            if (run < runs) {
                const std::int64_t begin = sums.runs.starts[run];
                const std::int64_t end = sums.runs.starts[run + 1];
                const std::int64_t window = begin / kRunWindow;
                const std::int64_t window_end = (window + 1) * kRunWindow;
                auto* to = end <= window_end ? sums.target(run) : sums.part(window, 1);
                to[at.column] = sums.sum_entries(begin, least(end, window_end), at.column);
            } else if (sums.slot_rows != nullptr) {
                sums.result[run * sums.vectors + at.column] = {};
            }
        } else {
            const std::int64_t window = at.row - sums.slots;
            const std::int64_t begin = window * kRunWindow;
            const std::int64_t run = sums.runs.window_runs[window];
            if (run < 0 || sums.runs.starts[run] == begin) continue;
            const std::int64_t end = least(sums.runs.starts[run + 1], begin + kRunWindow);
            sums.part(window, 0)[at.column] = sums.sum_entries(begin, end, at.column);
        }
    }
}

// Work items are the windows: each sees to the run that begins in it and goes on after it, if there is one.
template <int kElements>
__global__ void join_windows(Sums<kElements> sums) {
    for (RowWalk at(sums.vectors); at.row < sums.windows - 1; at.advance()) {
        const std::int64_t window = at.row;
        const std::int64_t next = (window + 1) * kRunWindow;
        const std::int64_t run = sums.runs.window_runs[window + 1];
        if (run < 0) continue;
        const std::int64_t begin = sums.runs.starts[run];
        if (begin < next - kRunWindow || begin >= next) continue;
        const std::int64_t last = (sums.runs.starts[run + 1] - 1) / kRunWindow;
        Vector<float, kElements> sum = sums.part(window, 1)[at.column];
        for (std::int64_t part = window + 1; part <= last; ++part)
            add_to(sum, sums.part(part, 0)[at.column]);
        sums.target(run)[at.column] = sum;
    }
}

template <bool kDense>
class RowSumKernel final : public Kernel {
  public:
    explicit RowSumKernel(const OpProblem& problem)
        : rows_(problem.inputs[0]),
          result_(problem.outputs[0]),
          table_rows_(problem.integer("table_rows")),
          finder_(rows_.rows(), table_rows_) {}

    std::size_t scratch_bytes() const override {
        const auto part_rows = static_cast<std::size_t>(finder_.windows() > 1 ? 2 * finder_.windows() : 0);
        return finder_.scratch_bytes() + part_rows * static_cast<std::size_t>(rows_.row_width()) * sizeof(float);
    }

    void launch(const KernelArguments& arguments) const override {
        const cudaStream_t stream = arguments.stream.stream;
        if constexpr (kDense) {
            const auto bytes = static_cast<std::size_t>(result_.elements()) * sizeof(float);
            check(cudaMemsetAsync(arguments.outputs[0], 0, bytes, stream), "clearing a table");
        }
        if (rows_.rows() == 0 || table_rows_ == 0) return;
        const RowRuns runs = finder_.find(stream, arguments.input<std::int32_t>(1), arguments.scratch);
        const std::int64_t slots = std::min(rows_.rows(), table_rows_);
        const bool by_vector = rows_.row_width() % kVectorElements == 0 &&
                               is_vector_aligned(arguments.input<float>(0)) &&
                               is_vector_aligned(arguments.output<float>(0));
        by_vector ? launch_sums<kVectorElements>(arguments, runs, slots) : launch_sums<1>(arguments, runs, slots);
    }

  private:
    template <int kElements>
    void launch_sums(const KernelArguments& arguments, const RowRuns& runs, std::int64_t slots) const {
        using Elements = Vector<float, kElements>;
        const Sums<kElements> sums{runs,
                                   arguments.input<Elements>(0),
                                   rows_.row_width() / kElements,
                                   slots,
                                   finder_.windows(),
                                   reinterpret_cast<Elements*>(arguments.scratch + finder_.scratch_bytes()),
                                   arguments.output<Elements>(0),
                                   kDense ? nullptr : arguments.output<std::int32_t>(1)};
        launch_kernel(&sum_windows<kElements>, grid_for((slots + sums.windows) * sums.vectors), dim3(kBlockThreads),
                      arguments.stream.stream, "adding rows up", sums);
        if (sums.windows > 1)
            launch_kernel(&join_windows<kElements>, grid_for((sums.windows - 1) * sums.vectors), dim3(kBlockThreads),
                          arguments.stream.stream, "adding parts of rows up", sums);
    }

    TensorType rows_;
    TensorType result_;
    std::int64_t table_rows_;
    RowRunFinder finder_;
};

}  // namespace

void register_merge_rows(KernelRegistry& registry) {
    registry.add("merge_rows", &make_float32<RowSumKernel<false>>);
    registry.add("densify_rows", &make_float32<RowSumKernel<true>>);
}

}  // namespace tensile::cuda
