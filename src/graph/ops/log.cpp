// log; see log.h.
#include "graph/ops/log.h"

#include <cmath>

#include "graph/ops/divide.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class LogOp final : public UnaryOp<LogOp> {
  public:
    std::string_view name() const override { return "log"; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] = divide(call.builder, call.output_gradients[0], call.inputs[0]);
    }

    template <typename T>
    static T value(T x) {
        return std::log(x);
    }
};

}  // namespace

const Op& log_op() {
    static const LogOp op;
    return op;
}

ValueId log(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(log_op(), {{x}});
}

}  // namespace tensile::ops
