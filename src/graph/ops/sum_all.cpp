// sum_all; see sum_all.h.
#include "graph/ops/sum_all.h"

#include "graph/blocked_sum.h"
#include "graph/ops/broadcast_scalar.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class SumAllOp final : public OpBase<SumAllOp> {
  public:
    std::string_view name() const override { return "sum_all"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    void gradient(GradientCall& call) const override {
        call.dense[0] =
            broadcast_scalar(call.builder, call.output_gradients[0], call.builder.type(call.inputs[0]).shape);
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
            blocked_sum<T>(present_elements(call.inputs[0]), [&](std::int64_t i) { return x[i]; });
    }
};

}  // namespace

const Op& sum_all_op() {
    static const SumAllOp op;
    return op;
}

ValueId sum_all(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(sum_all_op(), {{x}});
}

}  // namespace tensile::ops
