// divide; see divide.h.
#include "graph/ops/divide.h"

#include "graph/ops/affine_constant.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/multiply.h"

namespace tensile::ops {

namespace {

class DivideOp final : public BinaryOp<DivideOp> {
  public:
    std::string_view name() const override { return "divide"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        const ValueId dy = call.output_gradients[0];
        const ValueId quotient = divide(call.builder, dy, call.inputs[1]);
        call.dense[0] = quotient;
        // d(a / b)/db = -(a / b) / b
        const ValueId product = multiply(call.builder, quotient, call.outputs[0]);
        call.dense[1] = affine_constant(call.builder, product, -1, 0);
    }

    template <typename T>
    static T value(T a, T b) {
        return a / b;
    }
};

}  // namespace

const Op& divide_op() {
    static const DivideOp op;
    return op;
}

ValueId divide(ProgramBuilder& builder, ValueId a, ValueId b) {
    return builder.add_one(divide_op(), {{a, b}});
}

}  // namespace tensile::ops
