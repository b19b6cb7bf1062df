// tanh and its gradient; see tanh.h.
#include "graph/ops/tanh.h"

#include <cmath>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class TanhOp final : public UnaryOp<TanhOp> {
  public:
    std::string_view name() const override { return "tanh"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = tanh_gradient(call.builder, call.outputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static T value(T x) {
        return std::tanh(x);
    }
};

class TanhGradientOp final : public BinaryOp<TanhGradientOp> {
  public:
    std::string_view name() const override { return "tanh_gradient"; }

    template <typename T>
    static T value(T y, T dy) {
        return dy * (1 - y * y);
    }
};

}  // namespace

const Op& tanh_op() {
    static const TanhOp op;
    return op;
}

const Op& tanh_gradient_op() {
    static const TanhGradientOp op;
    return op;
}

ValueId tanh(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(tanh_op(), {{x}});
}

ValueId tanh_gradient(ProgramBuilder& builder, ValueId y, ValueId dy) {
    return builder.add_one(tanh_gradient_op(), {{y, dy}});
}

}  // namespace tensile::ops
