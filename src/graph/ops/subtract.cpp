// subtract; see subtract.h.
#include "graph/ops/subtract.h"

#include "graph/ops/affine_constant.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class SubtractOp final : public BinaryOp<SubtractOp> {
  public:
    std::string_view name() const override { return "subtract"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        const ValueId dy = call.output_gradients[0];
        call.dense[0] = dy;
        call.dense[1] = affine_constant(call.builder, dy, -1, 0);
    }

    template <typename T>
    static T value(T a, T b) {
        return a - b;
    }
};

}  // namespace

const Op& subtract_op() {
    static const SubtractOp op;
    return op;
}

ValueId subtract(ProgramBuilder& builder, ValueId a, ValueId b) {
    return builder.add_one(subtract_op(), {{a, b}});
}

}  // namespace tensile::ops
