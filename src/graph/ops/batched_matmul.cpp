// batched_matmul; see batched_matmul.h.
#include "graph/ops/batched_matmul.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/matrix_view.h"

namespace tensile::ops {

namespace {

class BatchedMatmulOp final : public OpBase<BatchedMatmulOp> {
  public:
    std::string_view name() const override { return "batched_matmul"; }
    bool differentiable() const override { return true; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        const bool transpose_a = attributes.flag("transpose_a");
        const bool transpose_b = attributes.flag("transpose_b");
        const std::int64_t groups = attributes.integer("groups");
        check.floating(0);
        check.dtype(1, inputs[0].dtype);
        check.require(groups >= 1, "there must be a group");
        for (std::size_t i = 0; i < 2; ++i) {
            check.rank(i, 2);
            check.fixed(i);
            check.require(inputs[i].shape[0] % groups == 0, "rows do not divide into the groups");
        }
        const Shape& a = inputs[0].shape;
        const Shape& b = inputs[1].shape;
        const std::int64_t inner = transpose_a ? a[0] / groups : a[1];
        check.require(inner == (transpose_b ? b[1] : b[0] / groups), "inner dimensions differ");
        const std::int64_t rows = transpose_a ? a[1] : a[0] / groups;
        const std::int64_t columns = transpose_b ? b[0] / groups : b[1];
        check.require(rows >= 1 && inner >= 1 && columns >= 1, "the matrices of a group must not be empty");
        return {{inputs[0].dtype, {groups * rows, columns}}};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        OpCost cost = Op::cost(inputs, outputs, attributes);
        const Shape& a = inputs[0].shape;
        const std::int64_t inner = attributes.flag("transpose_a") ? a[0] / attributes.integer("groups") : a[1];
        cost.flops = 2 * static_cast<double>(inner) * static_cast<double>(outputs[0].shape.elements());
        return cost;
    }

    void gradient(GradientCall& call) const override {
        const bool transpose_a = call.attributes.flag("transpose_a");
        const bool transpose_b = call.attributes.flag("transpose_b");
        const std::int64_t groups = call.attributes.integer("groups");
        const ValueId a = call.inputs[0];
        const ValueId b = call.inputs[1];
        const ValueId dy = call.output_gradients[0];
        call.dense[0] = transpose_a ? batched_matmul(call.builder, b, dy, groups, transpose_b, true)
                                    : batched_matmul(call.builder, dy, b, groups, false, !transpose_b);
        call.dense[1] = transpose_b ? batched_matmul(call.builder, dy, a, groups, true, transpose_a)
                                    : batched_matmul(call.builder, a, dy, groups, !transpose_a, false);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const bool transpose_a = call.attributes.flag("transpose_a");
        const bool transpose_b = call.attributes.flag("transpose_b");
        const std::int64_t groups = call.attributes.integer("groups");
        const Shape& a_shape = call.inputs[0].type.shape;
        const Shape& b_shape = call.inputs[1].type.shape;
        const std::int64_t rows = call.outputs[0].type.shape[0] / groups;
        const std::int64_t columns = call.outputs[0].type.shape[1];
        const std::int64_t inner = transpose_a ? a_shape[0] / groups : a_shape[1];
        for (std::int64_t group = 0; group < groups; ++group) {
            const MatrixView<T> a{call.inputs[0].as<T>() + group * rows * inner, a_shape[1], transpose_a};
            const MatrixView<T> b{call.inputs[1].as<T>() + group * inner * columns, b_shape[1], transpose_b};
            T* y = call.outputs[0].as<T>() + group * rows * columns;
            multiply_matrices(a, b, rows, inner, columns, y);
        }
    }
};

}  // namespace

const Op& batched_matmul_op() {
    static const BatchedMatmulOp op;
    return op;
}

ValueId batched_matmul(ProgramBuilder& builder, ValueId a, ValueId b, std::int64_t groups, bool transpose_a,
                       bool transpose_b) {
    return builder.add_one(
        batched_matmul_op(), {{a, b}},
        {{"transpose_a", std::int64_t{transpose_a}}, {"transpose_b", std::int64_t{transpose_b}}, {"groups", groups}});
}

}  // namespace tensile::ops
