// slice_columns; see slice_columns.h.
#include "graph/ops/slice_columns.h"

#include <algorithm>

#include "graph/ops/elementwise.h"
#include "graph/ops/pad_columns.h"

namespace tensile::ops {

namespace {

class SliceColumnsOp final : public OpBase<SliceColumnsOp> {
  public:
    std::string_view name() const override { return "slice_columns"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check.rank(0, 2);
        const std::int64_t begin = attributes.integer("begin");
        const std::int64_t end = attributes.integer("end");
        check.require(0 <= begin && begin < end && end <= inputs[0].shape[1], "slice is out of range");
        Shape shape = inputs[0].shape;
        shape.set(1, end - begin);
        return {{inputs[0].dtype, shape}};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = pad_columns(call.builder, call.output_gradients[0], call.attributes.integer("begin"),
                                    call.builder.type(call.inputs[0]).shape[1]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t begin = call.attributes.integer("begin");
        const std::int64_t from = call.inputs[0].type.shape[1];
        const std::int64_t to = call.outputs[0].type.shape[1];
        for (std::int64_t i = 0; i < call.outputs[0].extent; ++i)
            std::copy_n(call.inputs[0].as<T>() + i * from + begin, to, call.outputs[0].as<T>() + i * to);
    }
};

}  // namespace

const Op& slice_columns_op() {
    static const SliceColumnsOp op;
    return op;
}

ValueId slice_columns(ProgramBuilder& builder, ValueId x, std::int64_t begin, std::int64_t end) {
    return builder.add_one(slice_columns_op(), {{x}}, {{"begin", begin}, {"end", end}});
}

}  // namespace tensile::ops
