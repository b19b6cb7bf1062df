// convolution_2d and its gradients; see convolution_2d.h.
#include "graph/ops/convolution_2d.h"

#include <algorithm>

namespace tensile::ops {

namespace {

// Two flops for each product; padding counts as if it were there.
OpCost product_cost(const Op& op, std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                    const Attributes& attributes, double products) {
    OpCost cost = op.Op::cost(inputs, outputs, attributes);
    cost.flops = 2 * products;
    return cost;
}

double elements(const TensorType& type) {
    return static_cast<double>(type.shape.elements());
}

class Convolution2dOp final : public OpBase<Convolution2dOp> {
  public:
    std::string_view name() const override { return "convolution_2d"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        const Window window = window_of(attributes);
        check_window(check, window);
        check_maps(check, inputs, 0, window.input());
        check.dtype(1, inputs[0].dtype);
        check.rank(1, 2);
        check.fixed(1);
        check.require(inputs[1].shape[0] == window.taps() * inputs[0].shape[1] && inputs[1].shape[1] > 0,
                      "weights must have one row for each channel of each pixel of the kernel");
        const std::int64_t images = window.images_of_input(inputs[0].shape[0]);
        return {{inputs[0].dtype, {images * window.output().pixels(), inputs[1].shape[1]}}};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        return product_cost(*this, inputs, outputs, attributes,
                            elements(outputs[0]) * static_cast<double>(inputs[1].shape[0]));
    }

    void gradient(GradientCall& call) const override {
        const Window window = window_of(call.attributes);
        const ValueId dy = call.output_gradients[0];
        call.dense[0] = convolution_2d_gradient_input(call.builder, dy, call.inputs[1], window);
        call.dense[1] = convolution_2d_gradient_weights(call.builder, call.inputs[0], dy, window);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const Window window = window_of(call.attributes);
        const std::int64_t channels = call.inputs[0].type.shape[1];
        const std::int64_t kernels = call.inputs[1].type.shape[1];
        const T* weights = call.inputs[1].as<T>();
        T* y = call.outputs[0].as<T>();
        std::fill_n(y, call.outputs[0].type.shape.elements(), T{0});
        for_each_contact(window, window.images_of_input(call.inputs[0].type.shape[0]),
                         [&](std::int64_t output, std::int64_t input, std::int64_t tap) {
                             const T* x = call.inputs[0].as<T>() + input * channels;
                             for (std::int64_t c = 0; c < channels; ++c)
                                 for (std::int64_t o = 0; o < kernels; ++o)
                                     y[output * kernels + o] += x[c] * weights[(tap * channels + c) * kernels + o];
                         });
    }
};

class Convolution2dGradientInputOp final : public OpBase<Convolution2dGradientInputOp> {
  public:
    std::string_view name() const override { return "convolution_2d_gradient_input"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        const Window window = window_of(attributes);
        check_window(check, window);
        check_maps(check, inputs, 0, window.output());
        check.dtype(1, inputs[0].dtype);
        check.rank(1, 2);
        check.fixed(1);
        check.require(inputs[1].shape[1] == inputs[0].shape[1] && inputs[1].shape[0] > 0 &&
                          inputs[1].shape[0] % window.taps() == 0,
                      "weights must have one column for each channel of dy");
        const std::int64_t images = window.images_of_output(inputs[0].shape[0]);
        return {{inputs[0].dtype, {images * window.input().pixels(), inputs[1].shape[0] / window.taps()}}};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        return product_cost(*this, inputs, outputs, attributes,
                            elements(inputs[0]) * static_cast<double>(inputs[1].shape[0]));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const Window window = window_of(call.attributes);
        const std::int64_t channels = call.outputs[0].type.shape[1];
        const std::int64_t kernels = call.inputs[0].type.shape[1];
        const T* weights = call.inputs[1].as<T>();
        std::fill_n(call.outputs[0].as<T>(), call.outputs[0].type.shape.elements(), T{0});
        for_each_contact(window, window.images_of_output(call.inputs[0].type.shape[0]),
                         [&](std::int64_t output, std::int64_t input, std::int64_t tap) {
                             const T* dy = call.inputs[0].as<T>() + output * kernels;
                             T* dx = call.outputs[0].as<T>() + input * channels;
                             for (std::int64_t c = 0; c < channels; ++c)
                                 for (std::int64_t o = 0; o < kernels; ++o)
                                     dx[c] += dy[o] * weights[(tap * channels + c) * kernels + o];
                         });
    }
};

class Convolution2dGradientWeightsOp final : public OpBase<Convolution2dGradientWeightsOp> {
  public:
    std::string_view name() const override { return "convolution_2d_gradient_weights"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 2);
        const Window window = window_of(attributes);
        check_window(check, window);
        check_maps(check, inputs, 0, window.input());
        check_maps(check, inputs, 1, window.output());
        check.dtype(1, inputs[0].dtype);
        check.require(window.images_of_input(inputs[0].shape[0]) == window.images_of_output(inputs[1].shape[0]),
                      "x and dy must have the same images");
        return {{inputs[0].dtype, {window.taps() * inputs[0].shape[1], inputs[1].shape[1]}}};
    }

    OpCost cost(std::span<const TensorType> inputs, std::span<const TensorType> outputs,
                const Attributes& attributes) const override {
        return product_cost(*this, inputs, outputs, attributes,
                            elements(outputs[0]) * static_cast<double>(inputs[1].shape[0]));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const Window window = window_of(call.attributes);
        const std::int64_t channels = call.inputs[0].type.shape[1];
        const std::int64_t kernels = call.inputs[1].type.shape[1];
        T* dweights = call.outputs[0].as<T>();
        std::fill_n(dweights, call.outputs[0].type.shape.elements(), T{0});
        for_each_contact(window, window.images_of_input(call.inputs[0].type.shape[0]),
                         [&](std::int64_t output, std::int64_t input, std::int64_t tap) {
                             const T* x = call.inputs[0].as<T>() + input * channels;
                             const T* dy = call.inputs[1].as<T>() + output * kernels;
                             for (std::int64_t c = 0; c < channels; ++c)
                                 for (std::int64_t o = 0; o < kernels; ++o)
                                     dweights[(tap * channels + c) * kernels + o] += x[c] * dy[o];
                         });
    }
};

}  // namespace

const Op& convolution_2d_op() {
    static const Convolution2dOp op;
    return op;
}

const Op& convolution_2d_gradient_input_op() {
    static const Convolution2dGradientInputOp op;
    return op;
}

const Op& convolution_2d_gradient_weights_op() {
    static const Convolution2dGradientWeightsOp op;
    return op;
}

ValueId convolution_2d(ProgramBuilder& builder, ValueId x, ValueId weights, const Window& window) {
    return builder.add_one(convolution_2d_op(), {{x, weights}}, to_attributes(window));
}

ValueId convolution_2d_gradient_input(ProgramBuilder& builder, ValueId dy, ValueId weights, const Window& window) {
    return builder.add_one(convolution_2d_gradient_input_op(), {{dy, weights}}, to_attributes(window));
}

ValueId convolution_2d_gradient_weights(ProgramBuilder& builder, ValueId x, ValueId dy, const Window& window) {
    return builder.add_one(convolution_2d_gradient_weights_op(), {{x, dy}}, to_attributes(window));
}

}  // namespace tensile::ops
