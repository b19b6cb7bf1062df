// silu and its gradient; see silu.h.
#include "graph/ops/silu.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/logistic.h"

namespace tensile::ops {

namespace {

class SiluOp final : public UnaryOp<SiluOp> {
  public:
    std::string_view name() const override { return "silu"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = silu_gradient(call.builder, call.inputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static T value(T x) {
        return x * logistic(x);
    }
};

class SiluGradientOp final : public BinaryOp<SiluGradientOp> {
  public:
    std::string_view name() const override { return "silu_gradient"; }

    template <typename T>
    static T value(T x, T dy) {
        const T s = logistic(x);
        return dy * s * (1 + x * (1 - s));
    }
};

}  // namespace

const Op& silu_op() {
    static const SiluOp op;
    return op;
}

const Op& silu_gradient_op() {
    static const SiluGradientOp op;
    return op;
}

ValueId silu(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(silu_op(), {{x}});
}

ValueId silu_gradient(ProgramBuilder& builder, ValueId x, ValueId dy) {
    return builder.add_one(silu_gradient_op(), {{x, dy}});
}

}  // namespace tensile::ops
