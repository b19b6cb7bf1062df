// sigmoid and its gradient; see sigmoid.h.
#include "graph/ops/sigmoid.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/logistic.h"

namespace tensile::ops {

namespace {

class SigmoidOp final : public UnaryOp<SigmoidOp> {
  public:
    std::string_view name() const override { return "sigmoid"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = sigmoid_gradient(call.builder, call.outputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static T value(T x) {
        return logistic(x);
    }
};

class SigmoidGradientOp final : public BinaryOp<SigmoidGradientOp> {
  public:
    std::string_view name() const override { return "sigmoid_gradient"; }

    template <typename T>
    static T value(T y, T dy) {
        return dy * y * (1 - y);
    }
};

}  // namespace

const Op& sigmoid_op() {
    static const SigmoidOp op;
    return op;
}

const Op& sigmoid_gradient_op() {
    static const SigmoidGradientOp op;
    return op;
}

ValueId sigmoid(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(sigmoid_op(), {{x}});
}

ValueId sigmoid_gradient(ProgramBuilder& builder, ValueId y, ValueId dy) {
    return builder.add_one(sigmoid_gradient_op(), {{y, dy}});
}

}  // namespace tensile::ops
