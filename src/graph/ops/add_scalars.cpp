// add_scalars; see add_scalars.h.
#include "graph/ops/add_scalars.h"

#include <algorithm>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class AddScalarsOp final : public OpBase<AddScalarsOp> {
  public:
    std::string_view name() const override { return "add_scalars"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs);
        check.floating(0);
        for (std::size_t i = 0; i < inputs.size(); ++i)
            check.scalar(i, 0);
        return {inputs[0]};
    }

    void gradient(GradientCall& call) const override { std::ranges::fill(call.dense, call.output_gradients[0]); }

    template <typename T>
    static void reference(const KernelCall& call) {
        T sum = 0;
        for (const TensorView& term : call.inputs)
            sum += *term.as<T>();
        *call.outputs[0].as<T>() = sum;
    }
};

}  // namespace

const Op& add_scalars_op() {
    static const AddScalarsOp op;
    return op;
}

ValueId add_scalars(ProgramBuilder& builder, std::span<const ValueId> terms) {
    return builder.add_one(add_scalars_op(), terms);
}

}  // namespace tensile::ops
