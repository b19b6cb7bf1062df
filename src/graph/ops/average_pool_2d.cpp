// average_pool_2d and its gradient; see average_pool_2d.h.
#include "graph/ops/average_pool_2d.h"

#include <algorithm>

namespace tensile::ops {

namespace {

Attributes pooling_attributes(const Window& window, bool count_padding) {
    Attributes attributes = to_attributes(window);
    attributes.add("count_padding", std::int64_t{count_padding});
    return attributes;
}

// What the sum over the window of output row `row` is divided by.
std::int64_t divisor(const Window& window, std::int64_t row, bool count_padding) {
    return count_padding ? window.taps() : window.seen_pixels(row);
}

OpCost pooling_cost(const Op& op, std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                    const Attributes& attributes, const TensorType& pooled) {
    OpCost cost = op.Op::cost(inputs, outputs, attributes);
    cost.flops = static_cast<double>(pooled.shape.elements() * window_of(attributes).taps());
    return cost;
}

class AveragePool2dOp final : public OpBase<AveragePool2dOp> {
  public:
    std::string_view name() const override { return "average_pool_2d"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        return {pooled_type(check, inputs, window_of(attributes))};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        return pooling_cost(*this, inputs, outputs, attributes, outputs[0]);
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = average_pool_2d_gradient(call.builder, call.output_gradients[0], window_of(call.attributes),
                                                 call.attributes.flag("count_padding"));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const Window window = window_of(call.attributes);
        const bool count_padding = call.attributes.flag("count_padding");
        const std::int64_t channels = call.inputs[0].type.shape[1];
        T* y = call.outputs[0].as<T>();
        std::fill_n(y, call.outputs[0].type.shape.elements(), T{0});
        for_each_contact(window, window.images_of_input(call.inputs[0].type.shape[0]),
                         [&](std::int64_t output, std::int64_t input, std::int64_t) {
                             for (std::int64_t c = 0; c < channels; ++c)
                                 y[output * channels + c] += call.inputs[0].as<T>()[input * channels + c];
                         });
        for (std::int64_t row = 0; row < call.outputs[0].type.shape[0]; ++row) {
            const T share = 1 / static_cast<T>(divisor(window, row, count_padding));
            for (std::int64_t c = 0; c < channels; ++c)
                y[row * channels + c] *= share;
        }
    }
};

class AveragePool2dGradientOp final : public OpBase<AveragePool2dGradientOp> {
  public:
    std::string_view name() const override { return "average_pool_2d_gradient"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 1);
        const Window window = window_of(attributes);
        check_pooling_window(check, window);
        check_maps(check, inputs, 0, window.output());
        const std::int64_t images = window.images_of_output(inputs[0].shape[0]);
        return {{inputs[0].dtype, {images * window.input().pixels(), inputs[0].shape[1]}}};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        return pooling_cost(*this, inputs, outputs, attributes, inputs[0]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const Window window = window_of(call.attributes);
        const bool count_padding = call.attributes.flag("count_padding");
        const std::int64_t channels = call.inputs[0].type.shape[1];
        T* dx = call.outputs[0].as<T>();
        std::fill_n(dx, call.outputs[0].type.shape.elements(), T{0});
        for_each_contact(window, window.images_of_output(call.inputs[0].type.shape[0]),
                         [&](std::int64_t output, std::int64_t input, std::int64_t) {
                             const T share = 1 / static_cast<T>(divisor(window, output, count_padding));
                             for (std::int64_t c = 0; c < channels; ++c)
                                 dx[input * channels + c] += share * call.inputs[0].as<T>()[output * channels + c];
                         });
    }
};

}  // namespace

const Op& average_pool_2d_op() {
    static const AveragePool2dOp op;
    return op;
}

const Op& average_pool_2d_gradient_op() {
    static const AveragePool2dGradientOp op;
    return op;
}

ValueId average_pool_2d(ProgramBuilder& builder, ValueId x, const Window& window, bool count_padding) {
    return builder.add_one(average_pool_2d_op(), {{x}}, pooling_attributes(window, count_padding));
}

ValueId average_pool_2d_gradient(ProgramBuilder& builder, ValueId dy, const Window& window, bool count_padding) {
    return builder.add_one(average_pool_2d_gradient_op(), {{dy}}, pooling_attributes(window, count_padding));
}

}  // namespace tensile::ops
