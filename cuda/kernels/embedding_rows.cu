// gather_rows and gather_rows_gradient: rows of a table that indices name, and the row-sparse gradient of such a table,
// one slot a lookup. Definitions: graph/ops/gather_rows.h of the engine.
#include "cuda/kernel_registry.h"
#include "cuda/kernels/float_operands.h"
#include "cuda/kernels/grid_walk.h"

namespace tensile::cuda {

namespace {

// A row of zeros where an index names no row.
template <int kElements>
__global__ void gather(std::int64_t table_rows, std::int64_t vectors, const Vector<float, kElements>* table,
                       const std::int32_t* indices, std::int64_t lookups, Vector<float, kElements>* y) {
    for (RowWalk at(vectors); at.row < lookups; at.advance()) {
        const std::int64_t row = __ldg(indices + at.row);
        const bool is_there = row >= 0 && row < table_rows;
        y[at.row * vectors + at.column] = is_there ? table[row * vectors + at.column] : Vector<float, kElements>{};
    }
}

// The index of a slot, -1 for one that is not used.
__device__ std::int32_t slot_index(const std::int32_t* indices, std::int64_t slot, std::int64_t present,
                                   std::int64_t table_rows) {
    const std::int32_t index = slot < present ? __ldg(indices + slot) : -1;
    return index >= 0 && index < table_rows ? index : -1;
}

template <int kElements>
__global__ void gather_gradient(std::int64_t table_rows, std::int64_t vectors, const std::int32_t* indices,
                                std::int64_t slots, std::int64_t present, const Vector<float, kElements>* dy,
                                Vector<float, kElements>* rows, std::int32_t* slot_indices) {
    for (std::int64_t slot = grid_thread(); slot < slots; slot += grid_threads())
        slot_indices[slot] = slot_index(indices, slot, present, table_rows);
    for (RowWalk at(vectors); at.row < slots; at.advance()) {
        const bool is_used = slot_index(indices, at.row, present, table_rows) >= 0;
        const std::int64_t i = at.row * vectors + at.column;
        rows[i] = is_used ? dy[i] : Vector<float, kElements>{};
    }
}

class GatherRowsKernel final : public Kernel {
  public:
    explicit GatherRowsKernel(const OpProblem& problem) : table_(problem.inputs[0]), indices_(problem.inputs[1]) {}

    void launch(const KernelArguments& arguments) const override {
        const bool by_vector = table_.row_width() % kVectorElements == 0 &&
                               is_vector_aligned(arguments.input<float>(0)) &&
                               is_vector_aligned(arguments.output<float>(0));
        by_vector ? launch_by<kVectorElements>(arguments) : launch_by<1>(arguments);
    }

  private:
    template <int kElements>
    void launch_by(const KernelArguments& arguments) const {
        using Elements = Vector<float, kElements>;
        const std::int64_t lookups = indices_.present_elements(arguments.extents);
        const std::int64_t vectors = table_.row_width() / kElements;
        if (lookups * vectors == 0) return;
        launch_kernel(&gather<kElements>, grid_for(lookups * vectors), dim3(kBlockThreads), arguments.stream.stream,
                      "gather_rows", table_.rows(), vectors, arguments.input<Elements>(0),
                      arguments.input<std::int32_t>(1), lookups, arguments.output<Elements>(0));
    }

    TensorType table_;
    TensorType indices_;
};

class GatherRowsGradientKernel final : public Kernel {
  public:
    explicit GatherRowsGradientKernel(const OpProblem& problem)
        : indices_(problem.inputs[0]), rows_(problem.outputs[0]), table_rows_(problem.integer("table_rows")) {}

    // A slot's row lies where dy holds it.
    std::uint64_t overwritable_inputs() const override { return 0b10; }

    void launch(const KernelArguments& arguments) const override {
        const bool by_vector = rows_.row_width() % kVectorElements == 0 &&
                               is_vector_aligned(arguments.input<float>(1)) &&
                               is_vector_aligned(arguments.output<float>(0));
        by_vector ? launch_by<kVectorElements>(arguments) : launch_by<1>(arguments);
    }

  private:
    template <int kElements>
    void launch_by(const KernelArguments& arguments) const {
        using Elements = Vector<float, kElements>;
        const std::int64_t slots = rows_.rows();
        if (slots == 0) return;
        const std::int64_t vectors = rows_.row_width() / kElements;
        launch_kernel(&gather_gradient<kElements>, grid_for(slots * vectors), dim3(kBlockThreads),
                      arguments.stream.stream, "gather_rows_gradient", table_rows_, vectors,
                      arguments.input<std::int32_t>(0), slots, indices_.present_elements(arguments.extents),
                      arguments.input<Elements>(1), arguments.output<Elements>(0), arguments.output<std::int32_t>(1));
    }

    TensorType indices_;
    TensorType rows_;
    std::int64_t table_rows_;
};

}  // namespace

void register_embedding_rows(KernelRegistry& registry) {
    registry.add("gather_rows", &make_float32<GatherRowsKernel>);
    registry.add("gather_rows_gradient", &make_float32<GatherRowsGradientKernel>);
}

}  // namespace tensile::cuda
