// inner_product; see inner_product.h.
#include "graph/ops/inner_product.h"

#include "graph/blocked_sum.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/scale.h"

namespace tensile::ops {

namespace {

class InnerProductOp final : public OpBase<InnerProductOp> {
  public:
    std::string_view name() const override { return "inner_product"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = scale(call.builder, call.inputs[1], call.output_gradients[0]);
        call.dense[1] = scale(call.builder, call.inputs[0], call.output_gradients[0]);
    }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.same_type(1, 0);
        return {{inputs[0].dtype, {}}};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* a = call.inputs[0].as<T>();
        const T* b = call.inputs[1].as<T>();
        *call.outputs[0].as<T>() =
            blocked_sum<T>(present_elements(call.inputs[0]), [&](std::int64_t i) { return a[i] * b[i]; });
    }
};

}  // namespace

const Op& inner_product_op() {
    static const InnerProductOp op;
    return op;
}

ValueId inner_product(ProgramBuilder& builder, ValueId a, ValueId b) {
    return builder.add_one(inner_product_op(), {{a, b}});
}

}  // namespace tensile::ops
