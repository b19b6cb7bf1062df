// adam; see adam.h.
#include "graph/ops/adam.h"

#include "graph/ops/adam_update.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class AdamOp final : public OpBase<AdamOp> {
  public:
    std::string_view name() const override { return "adam"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    std::vector<Alias> aliases(const Attributes&) const override { return {{0, 0}, {1, 2}, {2, 3}}; }
    bool updates_by_element(int input) const override { return input < 4; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 6);
        check.floating(0);
        for (std::size_t i = 1; i < 4; ++i)
            check.same_type(i, 0);
        check.require(inputs[4] == TensorType{inputs[0].dtype, {kAdamStepLength}}, "input 4 must be a step tensor");
        check.scalar(5, 0);
        return {inputs[0], inputs[2], inputs[3]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const AdamUpdate<T> update(call.inputs[4], call.inputs[5], call.attributes.flag("decoupled"));
        const T* gradient = call.inputs[1].as<T>();
        T* parameter = call.outputs[0].as<T>();
        T* first = call.outputs[1].as<T>();
        T* second = call.outputs[2].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i)
            update.apply(parameter[i], first[i], second[i], gradient[i]);
    }
};

}  // namespace

const Op& adam_op() {
    static const AdamOp op;
    return op;
}

AdamState adam(ProgramBuilder& builder, const AdamState& state, ValueId gradient, const AdamScalars& scalars,
               bool decoupled) {
    const auto outputs = builder.add(
        adam_op(), {{state.parameter, gradient, state.first, state.second, scalars.step, scalars.gradient_scale}},
        {{"decoupled", std::int64_t{decoupled}}});
    return {outputs[0], outputs[1], outputs[2]};
}

}  // namespace tensile::ops
