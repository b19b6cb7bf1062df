// split_columns; see split_columns.h.
#include "graph/ops/split_columns.h"

#include <algorithm>

#include "graph/ops/broadcast_scalar.h"
#include "graph/ops/concat_columns.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class SplitColumnsOp final : public OpBase<SplitColumnsOp> {
  public:
    std::string_view name() const override { return "split_columns"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check.rank(0, 2);
        const std::int64_t parts = attributes.integer("parts");
        check.require(parts >= 1 && inputs[0].shape[1] % parts == 0, "columns do not divide into the parts");
        Shape shape = inputs[0].shape;
        shape.set(1, inputs[0].shape[1] / parts);
        return std::vector<TensorType>(static_cast<std::size_t>(parts), {inputs[0].dtype, shape});
    }

    void gradient(GradientCall& call) const override {
        std::vector<ValueId> parts(call.output_gradients.begin(), call.output_gradients.end());
        for (ValueId& part : parts)
            if (!part.valid())
                part = broadcast_scalar(call.builder, call.builder.constant_scalar(0),
                                        call.builder.type(call.outputs[0]).shape);
        call.dense[0] = concat_columns(call.builder, parts);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t width = call.outputs[0].type.shape[1];
        const T* from = call.inputs[0].as<T>();
        for (std::int64_t row = 0; row < call.inputs[0].extent; ++row)
            for (const TensorView& part : call.outputs) {
                std::copy_n(from, width, part.as<T>() + row * width);
                from += width;
            }
    }
};

}  // namespace

const Op& split_columns_op() {
    static const SplitColumnsOp op;
    return op;
}

std::vector<ValueId> split_columns(ProgramBuilder& builder, ValueId x, std::int64_t parts) {
    return builder.add(split_columns_op(), {{x}}, {{"parts", parts}});
}

}  // namespace tensile::ops
