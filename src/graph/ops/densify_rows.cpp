// densify_rows; see densify_rows.h.
#include "graph/ops/densify_rows.h"

#include <algorithm>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class DensifyRowsOp final : public OpBase<DensifyRowsOp> {
  public:
    std::string_view name() const override { return "densify_rows"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        check.sparse_rows(0, 1);
        return {{inputs[0].dtype, {attributes.integer("table_rows"), inputs[0].shape[1]}}};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t slots = call.inputs[0].type.shape[0];
        const std::int64_t width = call.inputs[0].type.shape[1];
        const std::int64_t table_rows = call.outputs[0].type.shape[0];
        const T* rows = call.inputs[0].as<T>();
        const auto* indices = call.inputs[1].as<std::int32_t>();
        T* table = call.outputs[0].as<T>();
        std::fill_n(table, table_rows * width, T{0});
        for (std::int64_t i = 0; i < slots; ++i) {
            if (indices[i] < 0 || indices[i] >= table_rows) continue;
            for (std::int64_t j = 0; j < width; ++j)
                table[indices[i] * width + j] += rows[i * width + j];
        }
    }
};

}  // namespace

const Op& densify_rows_op() {
    static const DensifyRowsOp op;
    return op;
}

ValueId densify_rows(ProgramBuilder& builder, const SparseRows& sparse) {
    return builder.add_one(densify_rows_op(), {{sparse.rows, sparse.indices}}, {{"table_rows", sparse.table_rows}});
}

}  // namespace tensile::ops
