// column_sum; see column_sum.h.
#include "graph/ops/column_sum.h"

#include "graph/blocked_sum.h"
#include "graph/ops/broadcast_rows.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class ColumnSumOp final : public OpBase<ColumnSumOp> {
  public:
    std::string_view name() const override { return "column_sum"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = broadcast_rows(call.builder, call.output_gradients[0], call.builder.type(call.inputs[0]).shape);
    }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check.rank(0, 2);
        return {{inputs[0].dtype, Shape{inputs[0].shape[1]}}};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* x = call.inputs[0].as<T>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t columns = call.inputs[0].type.shape[1];
        for (std::int64_t j = 0; j < columns; ++j)
            y[j] = blocked_sum<T>(call.inputs[0].extent, [&](std::int64_t i) { return x[i * columns + j]; });
    }
};

}  // namespace

const Op& column_sum_op() {
    static const ColumnSumOp op;
    return op;
}

ValueId column_sum(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(column_sum_op(), {{x}});
}

}  // namespace tensile::ops
