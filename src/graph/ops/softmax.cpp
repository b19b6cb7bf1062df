// softmax and its gradient; see softmax.h.
#include "graph/ops/softmax.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class SoftmaxOp final : public OpBase<SoftmaxOp> {
  public:
    std::string_view name() const override { return "softmax"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check.require(inputs[0].shape.rank() >= 2, "input 0 must have rank 2 or more");
        return {inputs[0]};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = softmax_gradient(call.builder, call.outputs[0], call.output_gradients[0]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t count = present_elements(call.outputs[0]);
        const std::int64_t width = call.outputs[0].type.shape.back();
        for (std::int64_t begin = 0; begin < count; begin += width) {
            const T* x = call.inputs[0].as<T>() + begin;
            T* y = call.outputs[0].as<T>() + begin;
            const T highest = *std::max_element(x, x + width);
            T sum = 0;
            for (std::int64_t j = 0; j < width; ++j)
                sum += y[j] = std::exp(x[j] - highest);
            for (std::int64_t j = 0; j < width; ++j)
                y[j] /= sum;
        }
    }
};

class SoftmaxGradientOp final : public OpBase<SoftmaxGradientOp> {
  public:
    std::string_view name() const override { return "softmax_gradient"; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.require(inputs[0].shape.rank() >= 2, "input 0 must have rank 2 or more");
        check.same_type(1, 0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t count = present_elements(call.outputs[0]);
        const std::int64_t width = call.outputs[0].type.shape.back();
        for (std::int64_t begin = 0; begin < count; begin += width) {
            const T* y = call.inputs[0].as<T>() + begin;
            const T* dy = call.inputs[1].as<T>() + begin;
            T* dx = call.outputs[0].as<T>() + begin;
            T dot = 0;
            for (std::int64_t j = 0; j < width; ++j)
                dot += y[j] * dy[j];
            for (std::int64_t j = 0; j < width; ++j)
                dx[j] = y[j] * (dy[j] - dot);
        }
    }
};

}  // namespace

const Op& softmax_op() {
    static const SoftmaxOp op;
    return op;
}

const Op& softmax_gradient_op() {
    static const SoftmaxGradientOp op;
    return op;
}

ValueId softmax(ProgramBuilder& builder, ValueId x) {
    return builder.add_one(softmax_op(), {{x}});
}

ValueId softmax_gradient(ProgramBuilder& builder, ValueId y, ValueId dy) {
    return builder.add_one(softmax_gradient_op(), {{y, dy}});
}

}  // namespace tensile::ops
