// round_straight_through; see round_straight_through.h.
#include "graph/ops/round_straight_through.h"

#include <cmath>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class RoundStraightThroughOp final : public UnaryOp<RoundStraightThroughOp> {
  public:
    std::string_view name() const override { return "round_straight_through"; }
    bool differentiable() const override { return true; }
    bool surrogate_gradient() const override { return true; }

    void gradient(GradientCall& call) const override { call.dense[0] = call.output_gradients[0]; }

    template <typename T>
    static T value(T x) {
        // Halves to even: the rounding mode of every thread of the engine is the default one.
        return std::nearbyint(x);
    }
};

}  // namespace

const Op& round_straight_through_op() {
    static const RoundStraightThroughOp op;
    return op;
}

ValueId round_straight_through(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(round_straight_through_op(), {{x}});
}

}  // namespace tensile::ops
