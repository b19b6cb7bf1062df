// binary_cross_entropy_loss and its gradient; see binary_cross_entropy_loss.h.
#include "graph/ops/binary_cross_entropy_loss.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/logistic.h"
#include "graph/ops/row_loss.h"

namespace tensile::ops {

namespace {

class BinaryCrossEntropyLossOp final : public RowLossOp<BinaryCrossEntropyLossOp> {
  public:
    std::string_view name() const override { return "binary_cross_entropy_loss"; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = binary_cross_entropy_loss_gradient(call.builder, call.inputs[0], call.inputs[1], call.inputs[2],
                                                           call.output_gradients[0]);
    }

    template <typename T>
    static T value(T prediction, T target, const Attributes&) {
        return std::max(prediction, T{0}) - prediction * target + std::log1p(std::exp(-std::abs(prediction)));
    }
};

class BinaryCrossEntropyLossGradientOp final : public RowLossGradientOp<BinaryCrossEntropyLossGradientOp> {
  public:
    std::string_view name() const override { return "binary_cross_entropy_loss_gradient"; }

    template <typename T>
    static T value(T prediction, T target, const Attributes&) {
        return logistic(prediction) - target;
    }
};

}  // namespace

const Op& binary_cross_entropy_loss_op() {
    static const BinaryCrossEntropyLossOp op;
    return op;
}

const Op& binary_cross_entropy_loss_gradient_op() {
    static const BinaryCrossEntropyLossGradientOp op;
    return op;
}

ValueId binary_cross_entropy_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight) {
    return builder.add_one(binary_cross_entropy_loss_op(), {{prediction, target, weight}});
}

ValueId binary_cross_entropy_loss_gradient(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight,
                                           ValueId dloss) {
    return builder.add_one(binary_cross_entropy_loss_gradient_op(), {{prediction, target, weight, dloss}});
}

}  // namespace tensile::ops
