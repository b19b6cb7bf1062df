// concat_columns; see concat_columns.h.
#include "graph/ops/concat_columns.h"

#include <algorithm>

#include "graph/ops/elementwise.h"
#include "graph/ops/slice_columns.h"

namespace tensile::ops {

namespace {

class ConcatColumnsOp final : public OpBase<ConcatColumnsOp> {
  public:
    std::string_view name() const override { return "concat_columns"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs);
        check.floating(0);
        std::int64_t width = 0;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            check.dtype(i, inputs[0].dtype);
            check.rank(i, 2);
            check.same_rows(i, 0);
            width += inputs[i].shape[1];
        }
        Shape shape = inputs[0].shape;
        shape.set(1, width);
        return {{inputs[0].dtype, shape}};
    }

    void gradient(GradientCall& call) const override {
        std::int64_t begin = 0;
        for (std::size_t i = 0; i < call.inputs.size(); ++i) {
            const std::int64_t end = begin + call.builder.type(call.inputs[i]).shape[1];
            if (end > begin) call.dense[i] = slice_columns(call.builder, call.output_gradients[0], begin, end);
            begin = end;
        }
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        T* y = call.outputs[0].as<T>();
        for (std::int64_t i = 0; i < call.outputs[0].extent; ++i) {
            for (const TensorView& part : call.inputs) {
                const std::int64_t width = part.type.shape[1];
                y = std::copy_n(part.as<T>() + i * width, width, y);
            }
        }
    }
};

}  // namespace

const Op& concat_columns_op() {
    static const ConcatColumnsOp op;
    return op;
}

ValueId concat_columns(ProgramBuilder& builder, std::span<const ValueId> parts) {
    return builder.add_one(concat_columns_op(), parts);
}

}  // namespace tensile::ops
