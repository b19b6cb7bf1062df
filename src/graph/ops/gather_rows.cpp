// gather_rows and its gradient; see gather_rows.h.
#include "graph/ops/gather_rows.h"

#include <algorithm>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

// Lookups in one row of indices.
std::int64_t lookups(const Shape& indices) {
    return indices.rank() == 1 ? 1 : indices[1];
}

void check_indices(const InputCheck& check, std::span<const TensorType> inputs, std::size_t input) {
    const int rank = inputs[input].shape.rank();
    check.dtype(input, DType::kI32);
    check.require(rank == 1 || rank == 2, "indices must have rank 1 or 2");
}

class GatherRowsOp final : public OpBase<GatherRowsOp> {
  public:
    std::string_view name() const override { return "gather_rows"; }
    bool differentiable() const override { return true; }
    bool reads_by_row(int input, const Attributes&) const override { return input == 1; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.rank(0, 2);
        check.fixed(0);
        check_indices(check, inputs, 1);
        const Shape& indices = inputs[1].shape;
        Shape shape{indices[0], lookups(indices) * inputs[0].shape[1]};
        shape.set_extent_slot(indices.extent_slot());
        return {{inputs[0].dtype, shape}};
    }

    // The table is touched only where the indices point.
    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes&) const override {
        return {0, static_cast<double>(inputs[1].bytes() + 2 * outputs[0].bytes())};
    }

    void gradient(GradientCall& call) const override {
        call.sparse[0] = gather_rows_gradient(call.builder, call.inputs[1], call.output_gradients[0],
                                              call.builder.type(call.inputs[0]).shape[0]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t table_rows = call.inputs[0].type.shape[0];
        const std::int64_t width = call.inputs[0].type.shape[1];
        const T* table = call.inputs[0].as<T>();
        const auto* indices = call.inputs[1].as<std::int32_t>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t count = present_elements(call.inputs[1]);
        for (std::int64_t i = 0; i < count; ++i, y += width) {
            if (indices[i] >= 0 && indices[i] < table_rows) {
                std::copy_n(table + indices[i] * width, width, y);
            } else {
                std::fill_n(y, width, T{0});
            }
        }
    }
};

class GatherRowsGradientOp final : public OpBase<GatherRowsGradientOp> {
  public:
    std::string_view name() const override { return "gather_rows_gradient"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check_indices(check, inputs, 0);
        check.floating(1);
        check.rank(1, 2);
        check.same_rows(1, 0);
        const std::int64_t count = lookups(inputs[0].shape);
        check.require(count > 0 && inputs[1].shape[1] % count == 0, "rows do not divide into the lookups");
        const std::int64_t slots = inputs[0].shape.elements();
        return {{inputs[1].dtype, {slots, inputs[1].shape[1] / count}}, {DType::kI32, {slots}}};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t table_rows = call.attributes.integer("table_rows");
        const std::int64_t width = call.outputs[0].type.shape[1];
        const std::int64_t slots = call.outputs[0].type.shape[0];
        const std::int64_t present = present_elements(call.inputs[0]);
        const auto* indices = call.inputs[0].as<std::int32_t>();
        const T* dy = call.inputs[1].as<T>();
        T* rows = call.outputs[0].as<T>();
        auto* slot_indices = call.outputs[1].as<std::int32_t>();
        for (std::int64_t i = 0; i < slots; ++i) {
            const bool used = i < present && indices[i] >= 0 && indices[i] < table_rows;
            slot_indices[i] = used ? indices[i] : -1;
            for (std::int64_t j = 0; j < width; ++j)
                rows[i * width + j] = used ? dy[i * width + j] : T{0};
        }
    }
};

}  // namespace

const Op& gather_rows_op() {
    static const GatherRowsOp op;
    return op;
}

const Op& gather_rows_gradient_op() {
    static const GatherRowsGradientOp op;
    return op;
}

ValueId gather_rows(ProgramBuilder& builder, ValueId table, ValueId indices) {
    return builder.add_one(gather_rows_op(), {{table, indices}});
}

SparseRows gather_rows_gradient(ProgramBuilder& builder, ValueId indices, ValueId dy, std::int64_t table_rows) {
    const auto outputs = builder.add(gather_rows_gradient_op(), {{indices, dy}}, {{"table_rows", table_rows}});
    return {outputs[0], outputs[1], table_rows};
}

}  // namespace tensile::ops
