// causal_softmax and its gradient; see causal_softmax.h.
#include "graph/ops/causal_softmax.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

void check_scores(const InputCheck& check, std::span<const TensorType> inputs) {
    check.floating(0);
    check.rank(0, 2);
    const Shape& shape = inputs[0].shape;
    check.require(shape[1] >= 1 && shape[0] % shape[1] == 0,
                  "rows must be groups of as many steps as there are columns");
}

class CausalSoftmaxOp final : public OpBase<CausalSoftmaxOp> {
  public:
    std::string_view name() const override { return "causal_softmax"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        check_scores(InputCheck(name(), inputs, 1), inputs);
        return {inputs[0]};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = causal_softmax_gradient(call.builder, call.outputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t steps = call.inputs[0].type.shape[1];
        for (std::int64_t i = 0; i < call.outputs[0].extent; ++i) {
            const T* x = call.inputs[0].as<T>() + i * steps;
            T* y = call.outputs[0].as<T>() + i * steps;
            const std::int64_t visible = i % steps + 1;
            const T highest = *std::max_element(x, x + visible);
            T sum = 0;
            for (std::int64_t j = 0; j < visible; ++j)
                sum += y[j] = std::exp(x[j] - highest);
            for (std::int64_t j = 0; j < visible; ++j)
                y[j] /= sum;
            std::fill(y + visible, y + steps, T{0});
        }
    }
};

class CausalSoftmaxGradientOp final : public OpBase<CausalSoftmaxGradientOp> {
  public:
    std::string_view name() const override { return "causal_softmax_gradient"; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check_scores(check, inputs);
        check.same_type(1, 0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t steps = call.inputs[0].type.shape[1];
        for (std::int64_t i = 0; i < call.outputs[0].extent; ++i) {
            const T* y = call.inputs[0].as<T>() + i * steps;
            const T* dy = call.inputs[1].as<T>() + i * steps;
            T* dx = call.outputs[0].as<T>() + i * steps;
            const std::int64_t visible = i % steps + 1;
            T dot = 0;
            for (std::int64_t j = 0; j < visible; ++j)
                dot += y[j] * dy[j];
            for (std::int64_t j = 0; j < visible; ++j)
                dx[j] = y[j] * (dy[j] - dot);
            std::fill(dx + visible, dx + steps, T{0});
        }
    }
};

}  // namespace

const Op& causal_softmax_op() {
    static const CausalSoftmaxOp op;
    return op;
}

const Op& causal_softmax_gradient_op() {
    static const CausalSoftmaxGradientOp op;
    return op;
}

ValueId causal_softmax(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(causal_softmax_op(), {{x}});
}

ValueId causal_softmax_gradient(ProgramBuilder& builder, ValueId y, ValueId dy) {
    return builder.add_one(causal_softmax_gradient_op(), {{y, dy}});
}

}  // namespace tensile::ops
