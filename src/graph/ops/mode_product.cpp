// mode_product and its gradient; see mode_product.h.
#include "graph/ops/mode_product.h"

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

void check_tensor(const InputCheck& check, std::size_t input, const TensorType& type, std::int64_t width) {
    check.rank(input, 2);
    check.require(width >= 1 && type.shape[1] % width == 0 && type.shape[1] >= width,
                  "a row must be a whole number of repeats");
}

// Calls body(x offset, y offset, group) for each block [N, inner] of row `row` and its block [M, inner] of the result.
template <typename Body>
void for_blocks(const ModeProblem& problem, std::int64_t row, Body body) {
    const ModeAxis& axis = problem.axis;
    const std::int64_t blocks = problem.repeats * axis.groups * axis.outer;
    for (std::int64_t block = 0; block < blocks; ++block)
        body((row * blocks + block) * problem.size * axis.inner, (row * blocks + block) * problem.rows * axis.inner,
             block / axis.outer % axis.groups);
}

// Place of A_g[m, n] in the matrices as they are stored.
std::int64_t place(const ModeProblem& problem, std::int64_t group, std::int64_t m, std::int64_t n) {
    return problem.transpose ? (group * problem.size + n) * problem.rows + m
                             : (group * problem.rows + m) * problem.size + n;
}

Attributes attributes_of(const ModeAxis& axis, bool transpose) {
    Attributes attributes = axis.attributes();
    attributes.add("transpose", std::int64_t{transpose});
    return attributes;
}

class ModeProductOp final : public OpBase<ModeProductOp> {
  public:
    std::string_view name() const override { return "mode_product"; }
    bool differentiable() const override { return true; }
    bool reads_by_row(int input, const Attributes&) const override { return input == 0; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        const ModeAxis axis = ModeAxis::of(attributes);
        check.floating(0);
        check.dtype(1, inputs[0].dtype);
        check.rank(1, 2);
        check.fixed(1);
        check.require(axis.valid() && inputs[1].shape[0] % axis.groups == 0 && inputs[1].shape.elements() > 0,
                      "there must be a matrix for each group");
        const bool transpose = attributes.flag("transpose");
        const std::int64_t size = transpose ? inputs[1].shape[0] / axis.groups : inputs[1].shape[1];
        check_tensor(check, 0, inputs[0], axis.width(size));
        Shape result = inputs[0].shape;
        result.set(1, ModeProblem::of_product(inputs[0], inputs[1], attributes).y_width());
        return {{inputs[0].dtype, result}};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        OpCost cost = Op::cost(inputs, outputs, attributes);
        cost.flops =
            static_cast<double>(inputs[0].shape[0]) * ModeProblem::of_product(inputs[0], inputs[1], attributes).flops();
        return cost;
    }

    void gradient(GradientCall& call) const override {
        const ModeAxis axis = ModeAxis::of(call.attributes);
        const bool transpose = call.attributes.flag("transpose");
        const ValueId dy = call.output_gradients[0];
        const std::int64_t size = ModeProblem::of_product(call.builder.type(call.inputs[0]),
                                                          call.builder.type(call.inputs[1]), call.attributes)
                                      .size;
        call.dense[0] = mode_product(call.builder, dy, call.inputs[1], axis, !transpose);
        call.dense[1] = mode_product_gradient(call.builder, call.inputs[0], dy, size, axis, transpose);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const ModeProblem problem = ModeProblem::of_product(call.inputs[0].type, call.inputs[1].type, call.attributes);
        const std::int64_t inner = problem.axis.inner;
        const T* matrix = call.inputs[1].as<T>();
        for (std::int64_t row = 0; row < call.outputs[0].extent; ++row) {
            for_blocks(problem, row, [&](std::int64_t from, std::int64_t to, std::int64_t group) {
                const T* x = call.inputs[0].as<T>() + from;
                T* y = call.outputs[0].as<T>() + to;
                for (std::int64_t m = 0; m < problem.rows; ++m) {
                    for (std::int64_t i = 0; i < inner; ++i) {
                        T sum = 0;
                        for (std::int64_t n = 0; n < problem.size; ++n)
                            sum += matrix[place(problem, group, m, n)] * x[n * inner + i];
                        y[m * inner + i] = sum;
                    }
                }
            });
        }
    }
};

class ModeProductGradientOp final : public OpBase<ModeProductGradientOp> {
  public:
    std::string_view name() const override { return "mode_product_gradient"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        const ModeAxis axis = ModeAxis::of(attributes);
        const std::int64_t size = attributes.integer("size");
        check.floating(0);
        check.dtype(1, inputs[0].dtype);
        check.same_rows(1, 0);
        check.require(axis.valid() && size >= 1, "there must be a matrix for each group");
        check_tensor(check, 0, inputs[0], axis.width(size));
        check_tensor(check, 1, inputs[1], inputs[0].shape[1] / axis.width(size) * axis.width(1));
        const ModeProblem problem = ModeProblem::of_gradient(inputs[0], inputs[1], attributes);
        if (problem.transpose) return {{inputs[0].dtype, {axis.groups * size, problem.rows}}};
        return {{inputs[0].dtype, {axis.groups * problem.rows, size}}};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        OpCost cost = Op::cost(inputs, outputs, attributes);
        cost.flops = static_cast<double>(inputs[0].shape[0]) *
                     ModeProblem::of_gradient(inputs[0], inputs[1], attributes).flops();
        return cost;
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const ModeProblem problem = ModeProblem::of_gradient(call.inputs[0].type, call.inputs[1].type, call.attributes);
        const std::int64_t inner = problem.axis.inner;
        T* dmatrix = call.outputs[0].as<T>();
        std::fill_n(dmatrix, call.outputs[0].type.shape.elements(), T{0});
        for (std::int64_t row = 0; row < call.inputs[0].extent; ++row) {
            for_blocks(problem, row, [&](std::int64_t from, std::int64_t to, std::int64_t group) {
                const T* x = call.inputs[0].as<T>() + from;
                const T* dy = call.inputs[1].as<T>() + to;
                for (std::int64_t m = 0; m < problem.rows; ++m)
                    for (std::int64_t n = 0; n < problem.size; ++n)
                        for (std::int64_t i = 0; i < inner; ++i)
                            dmatrix[place(problem, group, m, n)] += dy[m * inner + i] * x[n * inner + i];
            });
        }
    }
};

}  // namespace

ModeProblem ModeProblem::of_product(const TensorType& x, const TensorType& matrix, const Attributes& attributes) {
    ModeProblem problem;
    problem.axis = ModeAxis::of(attributes);
    problem.transpose = attributes.flag("transpose");
    const std::int64_t down = matrix.shape[0] / problem.axis.groups;
    problem.rows = problem.transpose ? matrix.shape[1] : down;
    problem.size = problem.transpose ? down : matrix.shape[1];
    problem.repeats = x.shape[1] / problem.axis.width(problem.size);
    return problem;
}

ModeProblem ModeProblem::of_gradient(const TensorType& x, const TensorType& dy, const Attributes& attributes) {
    ModeProblem problem;
    problem.axis = ModeAxis::of(attributes);
    problem.transpose = attributes.flag("transpose");
    problem.size = attributes.integer("size");
    problem.repeats = x.shape[1] / problem.axis.width(problem.size);
    problem.rows = dy.shape[1] / (problem.repeats * problem.axis.width(1));
    return problem;
}

const Op& mode_product_op() {
    static const ModeProductOp op;
    return op;
}

const Op& mode_product_gradient_op() {
    static const ModeProductGradientOp op;
    return op;
}

ValueId mode_product(ProgramBuilder& builder, ValueId x, ValueId matrix, const ModeAxis& axis, bool transpose) {
    return builder.add_one(mode_product_op(), {{x, matrix}}, attributes_of(axis, transpose));
}

ValueId mode_product_gradient(ProgramBuilder& builder, ValueId x, ValueId dy, std::int64_t size, const ModeAxis& axis,
                              bool transpose) {
    Attributes attributes = attributes_of(axis, transpose);
    attributes.add("size", size);
    return builder.add_one(mode_product_gradient_op(), {{x, dy}}, std::move(attributes));
}

}  // namespace tensile::ops
