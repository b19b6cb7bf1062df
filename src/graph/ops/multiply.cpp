// multiply; see multiply.h.
#include "graph/ops/multiply.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class MultiplyOp final : public BinaryOp<MultiplyOp> {
  public:
    std::string_view name() const override { return "multiply"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        const ValueId dy = call.output_gradients[0];
        call.dense[0] = multiply(call.builder, dy, call.inputs[1]);
        call.dense[1] = multiply(call.builder, dy, call.inputs[0]);
    }

    template <typename T>
    static T value(T a, T b) {
        return a * b;
    }
};

}  // namespace

const Op& multiply_op() {
    static const MultiplyOp op;
    return op;
}

ValueId multiply(ProgramBuilder& builder, ValueId a, ValueId b) {
    return builder.add_one(multiply_op(), {{a, b}});
}

}  // namespace tensile::ops
