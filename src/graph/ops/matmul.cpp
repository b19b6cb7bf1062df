// matmul; see matmul.h.
#include "graph/ops/matmul.h"

#include "graph/ops/elementwise.h"
#include "graph/ops/matrix_view.h"

namespace tensile::ops {

namespace {

class MatmulOp final : public OpBase<MatmulOp> {
  public:
    std::string_view name() const override { return "matmul"; }
    bool differentiable() const override { return true; }
    bool reads_by_row(int input, const Attributes&) const override { return input == 0; }

    RowPattern row_pattern(const Attributes& attributes) const override {
        return attributes.flag("transpose_a") ? RowPattern::kWhole : RowPattern::kRowWise;
    }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        const bool transpose_a = attributes.flag("transpose_a");
        const bool transpose_b = attributes.flag("transpose_b");
        check.floating(0);
        check.dtype(1, inputs[0].dtype);
        check.rank(0, 2);
        check.rank(1, 2);
        const Shape& a = inputs[0].shape;
        const Shape& b = inputs[1].shape;
        check.require(a[transpose_a ? 0 : 1] == b[transpose_b ? 1 : 0], "inner dimensions differ");
        if (transpose_a && !transpose_b) {
            check.same_rows(1, 0);
        } else {
            check.fixed(1);
            if (transpose_a) check.fixed(0);
        }
        Shape result{a[transpose_a ? 1 : 0], b[transpose_b ? 0 : 1]};
        if (!transpose_a) result.set_extent_slot(a.extent_slot());
        return {{inputs[0].dtype, result}};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        OpCost cost = Op::cost(inputs, outputs, attributes);
        const auto inner = static_cast<double>(inputs[0].shape[attributes.flag("transpose_a") ? 0 : 1]);
        cost.flops = 2 * inner * static_cast<double>(outputs[0].shape.elements());
        return cost;
    }

    void gradient(GradientCall& call) const override {
        const bool transpose_a = call.attributes.flag("transpose_a");
        const bool transpose_b = call.attributes.flag("transpose_b");
        const ValueId a = call.inputs[0];
        const ValueId b = call.inputs[1];
        const ValueId dy = call.output_gradients[0];
        call.dense[0] = transpose_a ? matmul(call.builder, b, dy, transpose_b, true)
                                    : matmul(call.builder, dy, b, false, !transpose_b);
        call.dense[1] = transpose_b ? matmul(call.builder, dy, a, true, transpose_a)
                                    : matmul(call.builder, a, dy, !transpose_a, false);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const bool transpose_a = call.attributes.flag("transpose_a");
        const bool transpose_b = call.attributes.flag("transpose_b");
        const MatrixView<T> a{call.inputs[0].as<T>(), call.inputs[0].type.shape[1], transpose_a};
        const MatrixView<T> b{call.inputs[1].as<T>(), call.inputs[1].type.shape[1], transpose_b};
        T* y = call.outputs[0].as<T>();
        const std::int64_t rows = call.outputs[0].extent;
        const std::int64_t columns = call.outputs[0].type.shape[1];
        const std::int64_t inner = transpose_a ? call.inputs[0].extent : call.inputs[0].type.shape[1];
        multiply_matrices(a, b, rows, inner, columns, y);
    }
};

}  // namespace

const Op& matmul_op() {
    static const MatmulOp op;
    return op;
}

ValueId matmul(ProgramBuilder& builder, ValueId a, ValueId b, bool transpose_a, bool transpose_b) {
    return builder.add_one(matmul_op(), {{a, b}},
                           {{"transpose_a", std::int64_t{transpose_a}}, {"transpose_b", std::int64_t{transpose_b}}});
}

}  // namespace tensile::ops
