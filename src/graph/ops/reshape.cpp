// reshape; see reshape.h.
#include "graph/ops/reshape.h"

#include <algorithm>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class ReshapeOp final : public OpBase<ReshapeOp> {
  public:
    std::string_view name() const override { return "reshape"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check.rank(0, 2);
        check.fixed(0);
        const std::int64_t columns = attributes.integer("columns");
        const std::int64_t elements = inputs[0].shape.elements();
        check.require(columns > 0 && elements % columns == 0, "columns must divide the elements");
        return {{inputs[0].dtype, {elements / columns, columns}}};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = reshape(call.builder, call.output_gradients[0], call.builder.type(call.inputs[0]).shape[1]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        std::copy_n(call.inputs[0].as<T>(), present_elements(call.inputs[0]), call.outputs[0].as<T>());
    }
};

}  // namespace

const Op& reshape_op() {
    static const ReshapeOp op;
    return op;
}

ValueId reshape(ProgramBuilder& builder, ValueId x, std::int64_t columns) {
    return builder.add_one(reshape_op(), {{x}}, {{"columns", columns}});
}

}  // namespace tensile::ops
