// pad_columns; see pad_columns.h.
#include "graph/ops/pad_columns.h"

#include <algorithm>

#include "graph/ops/elementwise.h"
#include "graph/ops/slice_columns.h"

namespace tensile::ops {

namespace {

class PadColumnsOp final : public OpBase<PadColumnsOp> {
  public:
    std::string_view name() const override { return "pad_columns"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check.rank(0, 2);
        const std::int64_t begin = attributes.integer("begin");
        const std::int64_t width = attributes.integer("width");
        check.require(0 <= begin && begin + inputs[0].shape[1] <= width, "padded width is too small");
        Shape shape = inputs[0].shape;
        shape.set(1, width);
        return {{inputs[0].dtype, shape}};
    }

    void gradient(GradientCall& call) const override {
        const std::int64_t begin = call.attributes.integer("begin");
        call.dense[0] = slice_columns(call.builder, call.output_gradients[0], begin,
                                      begin + call.builder.type(call.inputs[0]).shape[1]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t begin = call.attributes.integer("begin");
        const std::int64_t from = call.inputs[0].type.shape[1];
        const std::int64_t to = call.outputs[0].type.shape[1];
        for (std::int64_t i = 0; i < call.outputs[0].extent; ++i) {
            T* y = call.outputs[0].as<T>() + i * to;
            std::fill_n(y, to, T{0});
            std::copy_n(call.inputs[0].as<T>() + i * from, from, y + begin);
        }
    }
};

}  // namespace

const Op& pad_columns_op() {
    static const PadColumnsOp op;
    return op;
}

ValueId pad_columns(ProgramBuilder& builder, ValueId x, std::int64_t begin, std::int64_t width) {
    return builder.add_one(pad_columns_op(), {{x}}, {{"begin", begin}, {"width", width}});
}

}  // namespace tensile::ops
