// affine_constant; see affine_constant.h.
#include "graph/ops/affine_constant.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class AffineConstantOp final : public OpBase<AffineConstantOp> {
  public:
    std::string_view name() const override { return "affine_constant"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        return {inputs[0]};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] =
            affine_constant(call.builder, call.output_gradients[0], call.attributes.number("multiplier"), 0);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const auto multiplier = static_cast<T>(call.attributes.number("multiplier"));
        const auto offset = static_cast<T>(call.attributes.number("offset"));
        const T* x = call.inputs[0].as<T>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i)
            y[i] = multiplier * x[i] + offset;
    }
};

}  // namespace

const Op& affine_constant_op() {
    static const AffineConstantOp op;
    return op;
}

ValueId affine_constant(ProgramBuilder& builder, ValueId x, double multiplier, double offset) {
    return builder.add_one(affine_constant_op(), {{x}}, {{"multiplier", multiplier}, {"offset", offset}});
}

}  // namespace tensile::ops
