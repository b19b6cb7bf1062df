// absolute and its gradient; see absolute.h.
#include "graph/ops/absolute.h"

#include <cmath>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class AbsoluteOp final : public UnaryOp<AbsoluteOp> {
  public:
    std::string_view name() const override { return "absolute"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = absolute_gradient(call.builder, call.inputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static T value(T x) {
        return std::abs(x);
    }
};

class AbsoluteGradientOp final : public BinaryOp<AbsoluteGradientOp> {
  public:
    std::string_view name() const override { return "absolute_gradient"; }

    template <typename T>
    static T value(T x, T dy) {
        return x > 0 ? dy : x < 0 ? -dy : T{0};
    }
};

}  // namespace

const Op& absolute_op() {
    static const AbsoluteOp op;
    return op;
}

const Op& absolute_gradient_op() {
    static const AbsoluteGradientOp op;
    return op;
}

ValueId absolute(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(absolute_op(), {{x}});
}

ValueId absolute_gradient(ProgramBuilder& builder, ValueId x, ValueId dy) {
    return builder.add_one(absolute_gradient_op(), {{x, dy}});
}

}  // namespace tensile::ops
