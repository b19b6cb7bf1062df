// broadcast_scalar; see broadcast_scalar.h.
#include "graph/ops/broadcast_scalar.h"

#include <algorithm>
#include <utility>

#include "graph/ops/elementwise.h"
#include "graph/ops/sum_all.h"

namespace tensile::ops {

namespace {

class BroadcastScalarOp final : public OpBase<BroadcastScalarOp> {
  public:
    std::string_view name() const override { return "broadcast_scalar"; }
    bool differentiable() const override { return true; }
    bool reads_by_row(int, const Attributes&) const override { return false; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check.rank(0, 0);
        Shape shape;
        for (std::int64_t dim : attributes.integers("shape"))
            shape.append(dim);
        shape.set_extent_slot(static_cast<std::int16_t>(attributes.integer("extent_slot")));
        return {{inputs[0].dtype, shape}};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = sum_all(call.builder, call.output_gradients[0]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        std::fill_n(call.outputs[0].as<T>(), present_elements(call.outputs[0]), *call.inputs[0].as<T>());
    }
};

}  // namespace

const Op& broadcast_scalar_op() {
    static const BroadcastScalarOp op;
    return op;
}

ValueId broadcast_scalar(ProgramBuilder& builder, ValueId value, const Shape& shape) {
    std::vector<std::int64_t> dims;
    dims.reserve(static_cast<std::size_t>(shape.rank()));
    for (int axis = 0; axis < shape.rank(); ++axis)
        dims.push_back(shape[axis]);
    return builder.add_one(broadcast_scalar_op(), {{value}},
                           {{"shape", std::move(dims)}, {"extent_slot", std::int64_t{shape.extent_slot()}}});
}

}  // namespace tensile::ops
