// sum_of_squares; see sum_of_squares.h.
#include "graph/ops/sum_of_squares.h"

#include "graph/blocked_sum.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/scale.h"

namespace tensile::ops {

namespace {

class SumOfSquaresOp final : public OpBase<SumOfSquaresOp> {
  public:
    std::string_view name() const override { return "sum_of_squares"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        const ValueId twice = affine_constant(call.builder, call.output_gradients[0], 2, 0);
        call.dense[0] = scale(call.builder, call.inputs[0], twice);
    }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);

        return {{inputs[0].dtype, {}}};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* x = call.inputs[0].as<T>();
        *call.outputs[0].as<T>() =
            blocked_sum<T>(present_elements(call.inputs[0]), [&](std::int64_t i) { return x[i] * x[i]; });
    }
};

}  // namespace

const Op& sum_of_squares_op() {
    static const SumOfSquaresOp op;
    return op;
}

ValueId sum_of_squares(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(sum_of_squares_op(), {{x}});
}

}  // namespace tensile::ops
