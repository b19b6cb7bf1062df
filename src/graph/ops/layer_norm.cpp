// layer_norm and its gradients; see layer_norm.h.
#include "graph/ops/layer_norm.h"

#include <cmath>

#include "graph/blocked_sum.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class LayerNormOp final : public OpBase<LayerNormOp> {
  public:
    std::string_view name() const override { return "layer_norm"; }
    bool differentiable() const override { return true; }
    bool reads_by_row(int input, const Attributes&) const override { return input == 0; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 3);
        check.floating(0);
        check.rank(0, 2);
        check.row_of(1, 0);
        check.row_of(2, 0);
        check.require(inputs[0].shape[1] > 0, "rows must not be empty");
        check.require(attributes.number("epsilon") > 0, "epsilon must be positive");
        Shape column{inputs[0].shape[0]};
        column.set_extent_slot(inputs[0].shape.extent_slot());
        return {inputs[0], {inputs[0].dtype, column}, {inputs[0].dtype, column}};
    }

    void gradient(GradientCall& call) const override {
        if (call.output_gradients[1].valid() || call.output_gradients[2].valid())
            throw InternalError("layer_norm has no gradient for its mean and inverse deviation");
        const ValueId dy = call.output_gradients[0];
        const ValueId mean = call.outputs[1];
        const ValueId inverse_deviation = call.outputs[2];
        call.dense[0] =
            layer_norm_gradient_input(call.builder, call.inputs[0], call.inputs[1], mean, inverse_deviation, dy);
        const auto parameters =
            layer_norm_gradient_parameters(call.builder, call.inputs[0], mean, inverse_deviation, dy);
        call.dense[1] = parameters.gamma;
        call.dense[2] = parameters.beta;
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t width = call.inputs[0].type.shape[1];
        const auto epsilon = static_cast<T>(call.attributes.number("epsilon"));
        const T* gamma = call.inputs[1].as<T>();
        const T* beta = call.inputs[2].as<T>();
        for (std::int64_t i = 0; i < call.inputs[0].extent; ++i) {
            const T* x = call.inputs[0].as<T>() + i * width;
            T* y = call.outputs[0].as<T>() + i * width;
            T mean = 0;
            for (std::int64_t j = 0; j < width; ++j)
                mean += x[j];
            mean /= static_cast<T>(width);
            T variance = 0;
            for (std::int64_t j = 0; j < width; ++j)
                variance += (x[j] - mean) * (x[j] - mean);
            variance /= static_cast<T>(width);
            const T inverse_deviation = 1 / std::sqrt(variance + epsilon);
            for (std::int64_t j = 0; j < width; ++j)
                y[j] = (x[j] - mean) * inverse_deviation * gamma[j] + beta[j];
            call.outputs[1].as<T>()[i] = mean;
            call.outputs[2].as<T>()[i] = inverse_deviation;
        }
    }
};

class LayerNormGradientInputOp final : public OpBase<LayerNormGradientInputOp> {
  public:
    std::string_view name() const override { return "layer_norm_gradient_input"; }
    bool reads_by_row(int input, const Attributes&) const override { return input != 1; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 5);
        check.floating(0);
        check.rank(0, 2);
        check.row_of(1, 0);
        check.rank(2, 1);
        check.same_rows(2, 0);
        check.same_type(3, 2);
        check.same_type(4, 0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t width = call.inputs[0].type.shape[1];
        const T* gamma = call.inputs[1].as<T>();
        for (std::int64_t i = 0; i < call.inputs[0].extent; ++i) {
            const T* x = call.inputs[0].as<T>() + i * width;
            const T mean = call.inputs[2].as<T>()[i];
            const T inverse_deviation = call.inputs[3].as<T>()[i];
            const T* dy = call.inputs[4].as<T>() + i * width;
            T* dx = call.outputs[0].as<T>() + i * width;
            T mean_g = 0;
            T mean_gh = 0;
            for (std::int64_t j = 0; j < width; ++j) {
                const T g = dy[j] * gamma[j];
                mean_g += g;
                mean_gh += g * (x[j] - mean) * inverse_deviation;
            }
            mean_g /= static_cast<T>(width);
            mean_gh /= static_cast<T>(width);
            for (std::int64_t j = 0; j < width; ++j) {
                const T h = (x[j] - mean) * inverse_deviation;
                dx[j] = inverse_deviation * (dy[j] * gamma[j] - mean_g - h * mean_gh);
            }
        }
    }
};

class LayerNormGradientParametersOp final : public OpBase<LayerNormGradientParametersOp> {
  public:
    std::string_view name() const override { return "layer_norm_gradient_parameters"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 4);
        check.floating(0);
        check.rank(0, 2);
        check.rank(1, 1);
        check.same_rows(1, 0);
        check.same_type(2, 1);
        check.same_type(3, 0);
        const TensorType row{inputs[0].dtype, {inputs[0].shape[1]}};
        return {row, row};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t width = call.inputs[0].type.shape[1];
        const std::int64_t rows = call.inputs[0].extent;
        const T* x = call.inputs[0].as<T>();
        const T* mean = call.inputs[1].as<T>();
        const T* inverse_deviation = call.inputs[2].as<T>();
        const T* dy = call.inputs[3].as<T>();
        for (std::int64_t j = 0; j < width; ++j) {
            call.outputs[0].as<T>()[j] = blocked_sum<T>(rows, [&](std::int64_t i) {
                return dy[i * width + j] * (x[i * width + j] - mean[i]) * inverse_deviation[i];
            });
            call.outputs[1].as<T>()[j] = blocked_sum<T>(rows, [&](std::int64_t i) { return dy[i * width + j]; });
        }
    }
};

}  // namespace

const Op& layer_norm_op() {
    static const LayerNormOp op;
    return op;
}

const Op& layer_norm_gradient_input_op() {
    static const LayerNormGradientInputOp op;
    return op;
}

const Op& layer_norm_gradient_parameters_op() {
    static const LayerNormGradientParametersOp op;
    return op;
}

LayerNorm layer_norm(ProgramBuilder& builder, ValueId x, ValueId gamma, ValueId beta, double epsilon) {
    const auto outputs = builder.add(layer_norm_op(), {{x, gamma, beta}}, {{"epsilon", epsilon}});
    return {outputs[0], outputs[1], outputs[2]};
}

ValueId layer_norm_gradient_input(ProgramBuilder& builder, ValueId x, ValueId gamma, ValueId mean,
                                  ValueId inverse_deviation, ValueId dy) {
    return builder.add_one(layer_norm_gradient_input_op(), {{x, gamma, mean, inverse_deviation, dy}});
}

LayerNormParameterGradients layer_norm_gradient_parameters(ProgramBuilder& builder, ValueId x, ValueId mean,
                                                           ValueId inverse_deviation, ValueId dy) {
    const auto outputs = builder.add(layer_norm_gradient_parameters_op(), {{x, mean, inverse_deviation, dy}});
    return {outputs[0], outputs[1]};
}

}  // namespace tensile::ops
