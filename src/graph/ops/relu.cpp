// relu and its gradient; see relu.h.
#include "graph/ops/relu.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class ReluOp final : public UnaryOp<ReluOp> {
  public:
    std::string_view name() const override { return "relu"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = relu_gradient(call.builder, call.outputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static T value(T x) {
        return x > 0 ? x : T{0};
    }
};

class ReluGradientOp final : public BinaryOp<ReluGradientOp> {
  public:
    std::string_view name() const override { return "relu_gradient"; }

    template <typename T>
    static T value(T y, T dy) {
        return y > 0 ? dy : T{0};
    }
};

}  // namespace

const Op& relu_op() {
    static const ReluOp op;
    return op;
}

const Op& relu_gradient_op() {
    static const ReluGradientOp op;
    return op;
}

ValueId relu(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(relu_op(), {{x}});
}

ValueId relu_gradient(ProgramBuilder& builder, ValueId y, ValueId dy) {
    return builder.add_one(relu_gradient_op(), {{y, dy}});
}

}  // namespace tensile::ops
