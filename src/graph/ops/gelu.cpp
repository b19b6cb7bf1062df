// gelu and its gradient; see gelu.h.
#include "graph/ops/gelu.h"

#include <cmath>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

constexpr double kSqrtTwoOverPi = 0.7978845608028654;
constexpr double kCubic = 0.044715;

template <typename T>
T inner(T x) {
    return static_cast<T>(kSqrtTwoOverPi) * (x + static_cast<T>(kCubic) * x * x * x);
}

class GeluOp final : public UnaryOp<GeluOp> {
  public:
    std::string_view name() const override { return "gelu"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = gelu_gradient(call.builder, call.inputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static T value(T x) {
        return T{0.5} * x * (1 + std::tanh(inner(x)));
    }
};

class GeluGradientOp final : public BinaryOp<GeluGradientOp> {
  public:
    std::string_view name() const override { return "gelu_gradient"; }

    template <typename T>
    static T value(T x, T dy) {
        const T t = std::tanh(inner(x));
        const T slope = static_cast<T>(kSqrtTwoOverPi) * (1 + static_cast<T>(3 * kCubic) * x * x);
        return dy * T{0.5} * (1 + t + x * (1 - t * t) * slope);
    }
};

}  // namespace

const Op& gelu_op() {
    static const GeluOp op;
    return op;
}

const Op& gelu_gradient_op() {
    static const GeluGradientOp op;
    return op;
}

ValueId gelu(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(gelu_op(), {{x}});
}

ValueId gelu_gradient(ProgramBuilder& builder, ValueId x, ValueId dy) {
    return builder.add_one(gelu_gradient_op(), {{x, dy}});
}

}  // namespace tensile::ops
