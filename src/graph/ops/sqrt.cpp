// sqrt and its gradient; see sqrt.h.
#include "graph/ops/sqrt.h"

#include <cmath>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class SqrtOp final : public UnaryOp<SqrtOp> {
  public:
    std::string_view name() const override { return "sqrt"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = sqrt_gradient(call.builder, call.outputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static T value(T x) {
        return std::sqrt(x);
    }
};

class SqrtGradientOp final : public BinaryOp<SqrtGradientOp> {
  public:
    std::string_view name() const override { return "sqrt_gradient"; }

    template <typename T>
    static T value(T y, T dy) {
        return dy / (2 * y);
    }
};

}  // namespace

const Op& sqrt_op() {
    static const SqrtOp op;
    return op;
}

const Op& sqrt_gradient_op() {
    static const SqrtGradientOp op;
    return op;
}

ValueId sqrt(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(sqrt_op(), {{x}});
}

ValueId sqrt_gradient(ProgramBuilder& builder, ValueId y, ValueId dy) {
    return builder.add_one(sqrt_gradient_op(), {{y, dy}});
}

}  // namespace tensile::ops
