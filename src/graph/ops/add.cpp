// add; see add.h.
#include "graph/ops/add.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class AddOp final : public BinaryOp<AddOp> {
  public:
    std::string_view name() const override { return "add"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        const ValueId dy = call.output_gradients[0];
        call.dense[0] = dy;
        call.dense[1] = dy;
    }

    template <typename T>
    static T value(T a, T b) {
        return a + b;
    }
};

}  // namespace

const Op& add_op() {
    static const AddOp op;
    return op;
}

ValueId add(ProgramBuilder& builder, ValueId a, ValueId b) {
    return builder.add_one(add_op(), {{a, b}});
}

}  // namespace tensile::ops
