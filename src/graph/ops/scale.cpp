// scale; see scale.h.
#include "graph/ops/scale.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/inner_product.h"

namespace tensile::ops {

namespace {

class ScaleOp final : public OpBase<ScaleOp> {
  public:
    std::string_view name() const override { return "scale"; }
    bool reads_by_row(int input, const Attributes&) const override { return input == 0; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.scalar(1, 0);
        return {inputs[0]};
    }

    void gradient(GradientCall& call) const override {
        const ValueId dy = call.output_gradients[0];
        call.dense[0] = scale(call.builder, dy, call.inputs[1]);
        call.dense[1] = inner_product(call.builder, call.inputs[0], dy);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* x = call.inputs[0].as<T>();
        const T factor = *call.inputs[1].as<T>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i)
            y[i] = factor * x[i];
    }
};

}  // namespace

const Op& scale_op() {
    static const ScaleOp op;
    return op;
}

ValueId scale(ProgramBuilder& builder, ValueId x, ValueId factor) {
    return builder.add_one(scale_op(), {{x, factor}});
}

}  // namespace tensile::ops
