// bias_add; see bias_add.h.
#include "graph/ops/bias_add.h"

#include "graph/ops/column_sum.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class BiasAddOp final : public OpBase<BiasAddOp> {
  public:
    std::string_view name() const override { return "bias_add"; }
    bool differentiable() const override { return true; }
    bool reads_by_row(int input, const Attributes&) const override { return input == 0; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.rank(0, 2);
        check.row_of(1, 0);
        return {inputs[0]};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = call.output_gradients[0];
        call.dense[1] = column_sum(call.builder, call.output_gradients[0]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* x = call.inputs[0].as<T>();
        const T* bias = call.inputs[1].as<T>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t columns = call.outputs[0].type.shape[1];
        for (std::int64_t i = 0; i < call.outputs[0].extent; ++i)
            for (std::int64_t j = 0; j < columns; ++j)
                y[i * columns + j] = x[i * columns + j] + bias[j];
    }
};

}  // namespace

const Op& bias_add_op() {
    static const BiasAddOp op;
    return op;
}

ValueId bias_add(ProgramBuilder& builder, ValueId x, ValueId bias) {
    return builder.add_one(bias_add_op(), {{x, bias}});
}

}  // namespace tensile::ops
