// max_pool_2d and its gradient; see max_pool_2d.h.
#include "graph/ops/max_pool_2d.h"

#include <algorithm>
#include <vector>

namespace tensile::ops {

namespace {

// Input row of the greatest value for each output element, the first of equal ones.
template <typename T>
std::vector<std::int64_t> greatest_rows(const TensorView& x, const Window& window) {
    const std::int64_t channels = x.type.shape[1];
    const std::int64_t images = window.images_of_input(x.type.shape[0]);
    constexpr std::int64_t kNone = -1;
    std::vector<std::int64_t> rows(static_cast<std::size_t>(images * window.output().pixels() * channels), kNone);
    for_each_contact(window, images, [&](std::int64_t output, std::int64_t input, std::int64_t) {
        for (std::int64_t c = 0; c < channels; ++c) {
            std::int64_t& row = rows[static_cast<std::size_t>(output * channels + c)];
            if (row == kNone || x.as<T>()[input * channels + c] > x.as<T>()[row * channels + c]) row = input;
        }
    });
    return rows;
}

class MaxPool2dOp final : public OpBase<MaxPool2dOp> {
  public:
    std::string_view name() const override { return "max_pool_2d"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        return {pooled_type(check, inputs, window_of(attributes))};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        OpCost cost = Op::cost(inputs, outputs, attributes);
        cost.flops *= static_cast<double>(window_of(attributes).taps());
        return cost;
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] =
            max_pool_2d_gradient(call.builder, call.inputs[0], call.output_gradients[0], window_of(call.attributes));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t channels = call.inputs[0].type.shape[1];
        std::int64_t element = 0;
        for (std::int64_t row : greatest_rows<T>(call.inputs[0], window_of(call.attributes))) {
            call.outputs[0].as<T>()[element] = call.inputs[0].as<T>()[row * channels + element % channels];
            ++element;
        }
    }
};

class MaxPool2dGradientOp final : public OpBase<MaxPool2dGradientOp> {
  public:
    std::string_view name() const override { return "max_pool_2d_gradient"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        const Window window = window_of(attributes);
        check_pooling_window(check, window);
        check_maps(check, inputs, 0, window.input());
        const std::int64_t images = window.images_of_input(inputs[0].shape[0]);
        check.require(inputs[1] == TensorType{inputs[0].dtype, {images * window.output().pixels(), inputs[0].shape[1]}},
                      "dy must be a gradient of the pooled maps");
        return {inputs[0]};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        OpCost cost = Op::cost(inputs, outputs, attributes);
        cost.flops = static_cast<double>(inputs[1].shape.elements() * window_of(attributes).taps());
        return cost;
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t channels = call.inputs[0].type.shape[1];
        T* dx = call.outputs[0].as<T>();
        std::fill_n(dx, call.outputs[0].type.shape.elements(), T{0});
        std::int64_t element = 0;
        for (std::int64_t row : greatest_rows<T>(call.inputs[0], window_of(call.attributes))) {
            dx[row * channels + element % channels] += call.inputs[1].as<T>()[element];
            ++element;
        }
    }
};

}  // namespace

const Op& max_pool_2d_op() {
    static const MaxPool2dOp op;
    return op;
}

const Op& max_pool_2d_gradient_op() {
    static const MaxPool2dGradientOp op;
    return op;
}

ValueId max_pool_2d(ProgramBuilder& builder, ValueId x, const Window& window) {
    return builder.add_one(max_pool_2d_op(), {{x}}, to_attributes(window));
}

ValueId max_pool_2d_gradient(ProgramBuilder& builder, ValueId x, ValueId dy, const Window& window) {
    return builder.add_one(max_pool_2d_gradient_op(), {{x, dy}}, to_attributes(window));
}

}  // namespace tensile::ops
