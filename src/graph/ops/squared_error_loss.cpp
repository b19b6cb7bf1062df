// squared_error_loss and its gradient; see squared_error_loss.h.
#include "graph/ops/squared_error_loss.h"

#include "graph/ops/row_loss.h"

namespace tensile::ops {

namespace {

class SquaredErrorLossOp final : public RowLossOp<SquaredErrorLossOp> {
  public:
    std::string_view name() const override { return "squared_error_loss"; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = squared_error_loss_gradient(call.builder, call.inputs[0], call.inputs[1], call.inputs[2],
                                                    call.output_gradients[0]);
    }

    template <typename T>
    static T value(T prediction, T target, const Attributes&) {
        return (prediction - target) * (prediction - target);
    }
};

class SquaredErrorLossGradientOp final : public RowLossGradientOp<SquaredErrorLossGradientOp> {
  public:
    std::string_view name() const override { return "squared_error_loss_gradient"; }

    template <typename T>
    static T value(T prediction, T target, const Attributes&) {
        return 2 * (prediction - target);
    }
};

}  // namespace

const Op& squared_error_loss_op() {
    static const SquaredErrorLossOp op;
    return op;
}

const Op& squared_error_loss_gradient_op() {
    static const SquaredErrorLossGradientOp op;
    return op;
}

ValueId squared_error_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight) {
    return builder.add_one(squared_error_loss_op(), {{prediction, target, weight}});
}

ValueId squared_error_loss_gradient(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight,
                                    ValueId dloss) {
    return builder.add_one(squared_error_loss_gradient_op(), {{prediction, target, weight, dloss}});
}

}  // namespace tensile::ops
