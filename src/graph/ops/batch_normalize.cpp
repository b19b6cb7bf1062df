// batch_normalize and its gradients; see batch_normalize.h.
#include "graph/ops/batch_normalize.h"

#include <cmath>

#include "graph/blocked_sum.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

template <typename T>
T inverse_deviation(T variance, const Attributes& attributes) {
    return 1 / std::sqrt(variance + static_cast<T>(attributes.number("epsilon")));
}

class BatchNormalizeOp final : public OpBase<BatchNormalizeOp> {
  public:
    std::string_view name() const override { return "batch_normalize"; }
    bool differentiable() const override { return true; }
    bool reads_by_row(int input, const Attributes&) const override { return input == 0; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes& attributes) const override {
        const InputCheck check(name(), inputs, 5);
        check.floating(0);
        check.rank(0, 2);
        for (std::size_t i = 1; i < inputs.size(); ++i)
            check.row_of(i, 0);
        check.require(attributes.number("epsilon") > 0, "epsilon must be positive");
        return {inputs[0]};
    }

    void gradient(GradientCall& call) const override {
        const double epsilon = call.attributes.number("epsilon");
        const ValueId variance = call.inputs[2];
        const ValueId gamma = call.inputs[3];
        const ValueId dy = call.output_gradients[0];
        call.dense[0] = batch_norm_gradient_input(call.builder, dy, variance, gamma, epsilon);
        const auto sums =
            batch_norm_gradient_reductions(call.builder, call.inputs[0], call.inputs[1], variance, gamma, dy, epsilon);
        call.dense[1] = sums.mean;
        call.dense[2] = sums.variance;
        call.dense[3] = sums.gamma;
        call.dense[4] = sums.beta;
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t columns = call.inputs[0].type.shape[1];
        const T* x = call.inputs[0].as<T>();
        T* y = call.outputs[0].as<T>();
        for (std::int64_t j = 0; j < columns; ++j) {
            const T mean = call.inputs[1].as<T>()[j];
            const T factor = inverse_deviation(call.inputs[2].as<T>()[j], call.attributes) * call.inputs[3].as<T>()[j];
            const T beta = call.inputs[4].as<T>()[j];
            for (std::int64_t i = 0; i < call.inputs[0].extent; ++i)
                y[i * columns + j] = (x[i * columns + j] - mean) * factor + beta;
        }
    }
};

class BatchNormGradientInputOp final : public OpBase<BatchNormGradientInputOp> {
  public:
    std::string_view name() const override { return "batch_norm_gradient_input"; }
    bool reads_by_row(int input, const Attributes&) const override { return input == 0; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 3);
        check.floating(0);
        check.rank(0, 2);
        check.row_of(1, 0);
        check.row_of(2, 0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t columns = call.inputs[0].type.shape[1];
        const T* dy = call.inputs[0].as<T>();
        T* dx = call.outputs[0].as<T>();
        for (std::int64_t j = 0; j < columns; ++j) {
            const T factor = inverse_deviation(call.inputs[1].as<T>()[j], call.attributes) * call.inputs[2].as<T>()[j];
            for (std::int64_t i = 0; i < call.inputs[0].extent; ++i)
                dx[i * columns + j] = dy[i * columns + j] * factor;
        }
    }
};

class BatchNormGradientReductionsOp final : public OpBase<BatchNormGradientReductionsOp> {
  public:
    std::string_view name() const override { return "batch_norm_gradient_reductions"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 5);
        check.floating(0);
        check.rank(0, 2);
        check.row_of(1, 0);
        check.row_of(2, 0);
        check.row_of(3, 0);
        check.same_type(4, 0);
        return {inputs[1], inputs[1], inputs[1], inputs[1]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t rows = call.inputs[0].extent;
        const std::int64_t columns = call.inputs[0].type.shape[1];
        const T* x = call.inputs[0].as<T>();
        const T* dy = call.inputs[4].as<T>();
        for (std::int64_t j = 0; j < columns; ++j) {
            const T mean = call.inputs[1].as<T>()[j];
            const T inverse = inverse_deviation(call.inputs[2].as<T>()[j], call.attributes);
            const T gamma = call.inputs[3].as<T>()[j];
            const T dbeta = blocked_sum<T>(rows, [&](std::int64_t i) { return dy[i * columns + j]; });
            const T dgamma = blocked_sum<T>(
                rows, [&](std::int64_t i) { return dy[i * columns + j] * (x[i * columns + j] - mean) * inverse; });
            call.outputs[0].as<T>()[j] = -gamma * inverse * dbeta;
            call.outputs[1].as<T>()[j] = T{-0.5} * gamma * inverse * inverse * dgamma;
            call.outputs[2].as<T>()[j] = dgamma;
            call.outputs[3].as<T>()[j] = dbeta;
        }
    }
};

}  // namespace

const Op& batch_normalize_op() {
    static const BatchNormalizeOp op;
    return op;
}

const Op& batch_norm_gradient_input_op() {
    static const BatchNormGradientInputOp op;
    return op;
}

const Op& batch_norm_gradient_reductions_op() {
    static const BatchNormGradientReductionsOp op;
    return op;
}

ValueId batch_normalize(ProgramBuilder& builder, ValueId x, ValueId mean, ValueId variance, ValueId gamma, ValueId beta,
                        double epsilon) {
    return builder.add_one(batch_normalize_op(), {{x, mean, variance, gamma, beta}}, {{"epsilon", epsilon}});
}

ValueId batch_norm_gradient_input(ProgramBuilder& builder, ValueId dy, ValueId variance, ValueId gamma,
                                  double epsilon) {
    return builder.add_one(batch_norm_gradient_input_op(), {{dy, variance, gamma}}, {{"epsilon", epsilon}});
}

BatchNormReductions batch_norm_gradient_reductions(ProgramBuilder& builder, ValueId x, ValueId mean, ValueId variance,
                                                   ValueId gamma, ValueId dy, double epsilon) {
    const auto outputs =
        builder.add(batch_norm_gradient_reductions_op(), {{x, mean, variance, gamma, dy}}, {{"epsilon", epsilon}});
    return {outputs[0], outputs[1], outputs[2], outputs[3]};
}

}  // namespace tensile::ops
