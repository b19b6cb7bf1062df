// merge_rows; see merge_rows.h.
#include "graph/ops/merge_rows.h"

#include <algorithm>
#include <vector>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class MergeRowsOp final : public OpBase<MergeRowsOp> {
  public:
    std::string_view name() const override { return "merge_rows"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        check.sparse_rows(0, 1);
        const std::int64_t slots = std::min(inputs[0].shape[0], attributes.integer("table_rows"));
        return {{inputs[0].dtype, {slots, inputs[0].shape[1]}}, {DType::kI32, {slots}}};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t table_rows = call.attributes.integer("table_rows");
        const std::int64_t width = call.inputs[0].type.shape[1];
        const T* rows = call.inputs[0].as<T>();
        const auto* indices = call.inputs[1].as<std::int32_t>();
        std::vector<std::int64_t> order;
        for (std::int64_t i = 0; i < call.inputs[0].type.shape[0]; ++i)
            if (indices[i] >= 0 && indices[i] < table_rows) order.push_back(i);
        std::ranges::stable_sort(order, {}, [&](std::int64_t i) { return indices[i]; });

        T* merged = call.outputs[0].as<T>();
        auto* merged_indices = call.outputs[1].as<std::int32_t>();
        const std::int64_t slots = call.outputs[0].type.shape[0];
        std::fill_n(merged, slots * width, T{0});
        std::fill_n(merged_indices, slots, -1);
        std::int64_t slot = -1;
        for (std::int64_t i : order) {
            if (slot < 0 || merged_indices[slot] != indices[i]) merged_indices[++slot] = indices[i];
            for (std::int64_t j = 0; j < width; ++j)
                merged[slot * width + j] += rows[i * width + j];
        }
    }
};

}  // namespace

const Op& merge_rows_op() {
    static const MergeRowsOp op;
    return op;
}

SparseRows merge_rows(ProgramBuilder& builder, const SparseRows& sparse) {
    const auto outputs =
        builder.add(merge_rows_op(), {{sparse.rows, sparse.indices}}, {{"table_rows", sparse.table_rows}});
    return {outputs[0], outputs[1], sparse.table_rows};
}

}  // namespace tensile::ops
