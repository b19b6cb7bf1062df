// square and its gradient; see square.h.
#include "graph/ops/square.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class SquareOp final : public UnaryOp<SquareOp> {
  public:
    std::string_view name() const override { return "square"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = square_gradient(call.builder, call.inputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static T value(T x) {
        return x * x;
    }
};

class SquareGradientOp final : public BinaryOp<SquareGradientOp> {
  public:
    std::string_view name() const override { return "square_gradient"; }

    template <typename T>
    static T value(T x, T dy) {
        return 2 * x * dy;
    }
};

}  // namespace

const Op& square_op() {
    static const SquareOp op;
    return op;
}

const Op& square_gradient_op() {
    static const SquareGradientOp op;
    return op;
}

ValueId square(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(square_op(), {{x}});
}

ValueId square_gradient(ProgramBuilder& builder, ValueId x, ValueId dy) {
    return builder.add_one(square_gradient_op(), {{x, dy}});
}

}  // namespace tensile::ops
