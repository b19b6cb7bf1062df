// huber_loss and its gradient; see huber_loss.h.
#include "graph/ops/huber_loss.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/row_loss.h"

namespace tensile::ops {

namespace {

class HuberLossOp final : public RowLossOp<HuberLossOp> {
  public:
    std::string_view name() const override { return "huber_loss"; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = huber_loss_gradient(call.builder, call.inputs[0], call.inputs[1], call.inputs[2],
                                            call.output_gradients[0], call.attributes.number("delta"));
    }

    template <typename T>
    static T value(T prediction, T target, const Attributes& attributes) {
        const auto delta = static_cast<T>(attributes.number("delta"));
        const T error = std::abs(prediction - target);
        return error <= delta ? error * error / 2 : delta * (error - delta / 2);
    }
};

class HuberLossGradientOp final : public RowLossGradientOp<HuberLossGradientOp> {
  public:
    std::string_view name() const override { return "huber_loss_gradient"; }

    template <typename T>
    static T value(T prediction, T target, const Attributes& attributes) {
        const auto delta = static_cast<T>(attributes.number("delta"));
        return std::clamp(prediction - target, -delta, delta);
    }
};

}  // namespace

const Op& huber_loss_op() {
    static const HuberLossOp op;
    return op;
}

const Op& huber_loss_gradient_op() {
    static const HuberLossGradientOp op;
    return op;
}

ValueId huber_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight, double delta) {
    return builder.add_one(huber_loss_op(), {{prediction, target, weight}}, {{"delta", delta}});
}

ValueId huber_loss_gradient(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight, ValueId dloss,
                            double delta) {
    return builder.add_one(huber_loss_gradient_op(), {{prediction, target, weight, dloss}}, {{"delta", delta}});
}

}  // namespace tensile::ops
