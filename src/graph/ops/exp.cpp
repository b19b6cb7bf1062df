// exp; see exp.h.
#include "graph/ops/exp.h"

#include <cmath>

#include "graph/ops/elementwise.h"
#include "graph/ops/multiply.h"

namespace tensile::ops {

namespace {

class ExpOp final : public UnaryOp<ExpOp> {
  public:
    std::string_view name() const override { return "exp"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = multiply(call.builder, call.outputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static T value(T x) {
        return std::exp(x);
    }
};

}  // namespace

const Op& exp_op() {
    static const ExpOp op;
    return op;
}

ValueId exp(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(exp_op(), {{x}});
}

}  // namespace tensile::ops
