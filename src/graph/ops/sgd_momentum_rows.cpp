// sgd_momentum_rows; see sgd_momentum_rows.h.
#include "graph/ops/sgd_momentum_rows.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/sgd_update.h"

namespace tensile::ops {

namespace {

class SgdMomentumRowsOp final : public OpBase<SgdMomentumRowsOp> {
  public:
    std::string_view name() const override { return "sgd_momentum_rows"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    std::vector<Alias> aliases(const Attributes&) const override { return {{0, 0}, {1, 3}}; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 8);
        check.rank(0, 2);
        check.fixed(0);
        check.sparse_rows(1, 2);
        check.dtype(1, inputs[0].dtype);
        check.require(inputs[1].shape[1] == inputs[0].shape[1], "gradient rows must be as wide as the table's");
        check.same_type(3, 0);
        for (std::size_t i = 4; i < inputs.size(); ++i)
            check.scalar(i, 0);
        return {inputs[0], inputs[3]};
    }

    // Only the named rows are touched.
    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType>, const Attributes&) const override {
        return {static_cast<double>(6 * inputs[1].shape.elements()), static_cast<double>(5 * inputs[1].bytes())};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const SgdUpdate<T> update(call.inputs.subspan(4));
        const std::int64_t table_rows = call.inputs[0].type.shape[0];
        const std::int64_t width = call.inputs[0].type.shape[1];
        const T* rows = call.inputs[1].as<T>();
        const auto* indices = call.inputs[2].as<std::int32_t>();
        for (std::int64_t i = 0; i < call.inputs[1].type.shape[0]; ++i) {
            if (indices[i] < 0 || indices[i] >= table_rows) continue;
            T* parameter = call.outputs[0].as<T>() + indices[i] * width;
            T* velocity = call.outputs[1].as<T>() + indices[i] * width;
            for (std::int64_t j = 0; j < width; ++j)
                update.apply(parameter[j], velocity[j], rows[i * width + j]);
        }
    }
};

}  // namespace

const Op& sgd_momentum_rows_op() {
    static const SgdMomentumRowsOp op;
    return op;
}

SgdState sgd_momentum_rows(ProgramBuilder& builder, const SgdState& state, const SparseRows& gradient,
                           const SgdScalars& scalars) {
    const auto outputs = builder.add(sgd_momentum_rows_op(), {{state.parameter, gradient.rows, gradient.indices,
                                                               state.velocity, scalars.learning_rate, scalars.momentum,
                                                               scalars.weight_decay, scalars.gradient_scale}});
    return {outputs[0], outputs[1]};
}

}  // namespace tensile::ops
