// broadcast_rows; see broadcast_rows.h.
#include "graph/ops/broadcast_rows.h"

#include <algorithm>

#include "graph/ops/column_sum.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class BroadcastRowsOp final : public OpBase<BroadcastRowsOp> {
  public:
    std::string_view name() const override { return "broadcast_rows"; }
    bool differentiable() const override { return true; }
    bool reads_by_row(int, const Attributes&) const override { return false; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check.rank(0, 1);
        check.fixed(0);
        Shape shape{attributes.integer("rows"), inputs[0].shape[0]};
        shape.set_extent_slot(static_cast<std::int16_t>(attributes.integer("extent_slot")));
        return {{inputs[0].dtype, shape}};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = column_sum(call.builder, call.output_gradients[0]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t columns = call.inputs[0].type.shape[0];
        T* y = call.outputs[0].as<T>();
        for (std::int64_t i = 0; i < call.outputs[0].extent; ++i)
            std::copy_n(call.inputs[0].as<T>(), columns, y + i * columns);
    }
};

}  // namespace

const Op& broadcast_rows_op() {
    static const BroadcastRowsOp op;
    return op;
}

ValueId broadcast_rows(ProgramBuilder& builder, ValueId row, const Shape& shape) {
    return builder.add_one(broadcast_rows_op(), {{row}},
                           {{"rows", shape.rows()}, {"extent_slot", std::int64_t{shape.extent_slot()}}});
}

}  // namespace tensile::ops
