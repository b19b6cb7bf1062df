// sgd_momentum; see sgd_momentum.h.
#include "graph/ops/sgd_momentum.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/sgd_update.h"

namespace tensile::ops {

namespace {

class SgdMomentumOp final : public OpBase<SgdMomentumOp> {
  public:
    std::string_view name() const override { return "sgd_momentum"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    std::vector<Alias> aliases(const Attributes&) const override { return {{0, 0}, {1, 2}}; }
    bool updates_by_element(int input) const override { return input < 3; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 7);
        check.floating(0);
        check.same_type(1, 0);
        check.same_type(2, 0);
        for (std::size_t i = 3; i < inputs.size(); ++i)
            check.scalar(i, 0);
        return {inputs[0], inputs[2]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const SgdUpdate<T> update(call.inputs.subspan(3));
        const T* gradient = call.inputs[1].as<T>();
        T* parameter = call.outputs[0].as<T>();
        T* velocity = call.outputs[1].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i)
            update.apply(parameter[i], velocity[i], gradient[i]);
    }
};

}  // namespace

const Op& sgd_momentum_op() {
    static const SgdMomentumOp op;
    return op;
}

SgdState sgd_momentum(ProgramBuilder& builder, const SgdState& state, ValueId gradient, const SgdScalars& scalars) {
    const auto outputs =
        builder.add(sgd_momentum_op(), {{state.parameter, gradient, state.velocity, scalars.learning_rate,
                                         scalars.momentum, scalars.weight_decay, scalars.gradient_scale}});
    return {outputs[0], outputs[1]};
}

}  // namespace tensile::ops
