// adam_rows; see adam_rows.h.
#include "graph/ops/adam_rows.h"

#include "graph/ops/adam_update.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class AdamRowsOp final : public OpBase<AdamRowsOp> {
  public:
    std::string_view name() const override { return "adam_rows"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    std::vector<Alias> aliases(const Attributes&) const override { return {{0, 0}, {1, 3}, {2, 4}}; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 7);
        check.rank(0, 2);
        check.fixed(0);
        check.sparse_rows(1, 2);
        check.dtype(1, inputs[0].dtype);
        check.require(inputs[1].shape[1] == inputs[0].shape[1], "gradient rows must be as wide as the table's");
        check.same_type(3, 0);
        check.same_type(4, 0);
        check.require(inputs[5] == TensorType{inputs[0].dtype, {kAdamStepLength}}, "input 5 must be a step tensor");
        check.scalar(6, 0);
        return {inputs[0], inputs[3], inputs[4]};
    }

    // Only the named rows are touched.
    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType>, const Attributes&) const override {
        return {static_cast<double>(14 * inputs[1].shape.elements()), static_cast<double>(7 * inputs[1].bytes())};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const AdamUpdate<T> update(call.inputs[5], call.inputs[6], call.attributes.flag("decoupled"));
        const std::int64_t table_rows = call.inputs[0].type.shape[0];
        const std::int64_t width = call.inputs[0].type.shape[1];
        const T* rows = call.inputs[1].as<T>();
        const auto* indices = call.inputs[2].as<std::int32_t>();
        for (std::int64_t i = 0; i < call.inputs[1].type.shape[0]; ++i) {
            if (indices[i] < 0 || indices[i] >= table_rows) continue;
            T* parameter = call.outputs[0].as<T>() + indices[i] * width;
            T* first = call.outputs[1].as<T>() + indices[i] * width;
            T* second = call.outputs[2].as<T>() + indices[i] * width;
            for (std::int64_t j = 0; j < width; ++j)
                update.apply(parameter[j], first[j], second[j], rows[i * width + j]);
        }
    }
};

}  // namespace

const Op& adam_rows_op() {
    static const AdamRowsOp op;
    return op;
}

AdamState adam_rows(ProgramBuilder& builder, const AdamState& state, const SparseRows& gradient,
                    const AdamScalars& scalars, bool decoupled) {
    const auto outputs = builder.add(adam_rows_op(),
                                     {{state.parameter, gradient.rows, gradient.indices, state.first, state.second,
                                       scalars.step, scalars.gradient_scale}},
                                     {{"decoupled", std::int64_t{decoupled}}});
    return {outputs[0], outputs[1], outputs[2]};
}

}  // namespace tensile::ops
