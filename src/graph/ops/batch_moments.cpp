// batch_moments and its gradient; see batch_moments.h.
#include "graph/ops/batch_moments.h"

#include "graph/blocked_sum.h"
#include "graph/ops/broadcast_scalar.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

class BatchMomentsOp final : public OpBase<BatchMomentsOp> {
  public:
    std::string_view name() const override { return "batch_moments"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 1);
        check.floating(0);
        check.rank(0, 2);
        const TensorType row{inputs[0].dtype, {inputs[0].shape[1]}};
        return {row, row};
    }

    void gradient(GradientCall& call) const override {
        // Where only one of the moments is used, nothing flows through the other.
        const auto or_zero = [&](ValueId gradient) {
            if (gradient.valid()) return gradient;
            return broadcast_scalar(call.builder, call.builder.constant_scalar(0),
                                    call.builder.type(call.outputs[0]).shape);
        };
        call.dense[0] = batch_moments_gradient(call.builder, call.inputs[0], call.outputs[0],
                                               or_zero(call.output_gradients[0]), or_zero(call.output_gradients[1]));
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t rows = call.inputs[0].extent;
        const std::int64_t columns = call.inputs[0].type.shape[1];
        const T* x = call.inputs[0].as<T>();
        for (std::int64_t j = 0; j < columns; ++j) {
            const T count = static_cast<T>(std::max<std::int64_t>(rows, 1));
            const T mean = blocked_sum<T>(rows, [&](std::int64_t i) { return x[i * columns + j]; }) / count;
            const T squares = blocked_sum<T>(rows, [&](std::int64_t i) {
                const T deviation = x[i * columns + j] - mean;
                return deviation * deviation;
            });
            call.outputs[0].as<T>()[j] = mean;
            call.outputs[1].as<T>()[j] = squares / count;
        }
    }
};

class BatchMomentsGradientOp final : public OpBase<BatchMomentsGradientOp> {
  public:
    std::string_view name() const override { return "batch_moments_gradient"; }
    bool reads_by_row(int input, const Attributes&) const override { return input == 0; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 4);
        check.floating(0);
        check.rank(0, 2);
        for (std::size_t i = 1; i < inputs.size(); ++i)
            check.row_of(i, 0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t rows = call.inputs[0].extent;
        const std::int64_t columns = call.inputs[0].type.shape[1];
        const T* x = call.inputs[0].as<T>();
        const T* mean = call.inputs[1].as<T>();
        const T* dmean = call.inputs[2].as<T>();
        const T* dvariance = call.inputs[3].as<T>();
        T* dx = call.outputs[0].as<T>();
        for (std::int64_t i = 0; i < rows; ++i) {
            for (std::int64_t j = 0; j < columns; ++j) {
                const std::int64_t at = i * columns + j;
                dx[at] = (dmean[j] + 2 * (x[at] - mean[j]) * dvariance[j]) / static_cast<T>(rows);
            }
        }
    }
};

}  // namespace

const Op& batch_moments_op() {
    static const BatchMomentsOp op;
    return op;
}

const Op& batch_moments_gradient_op() {
    static const BatchMomentsGradientOp op;
    return op;
}

BatchMoments batch_moments(ProgramBuilder& builder, ValueId x) {
    const auto outputs = builder.add(batch_moments_op(), {{x}});
    return {outputs[0], outputs[1]};
}

ValueId batch_moments_gradient(ProgramBuilder& builder, ValueId x, ValueId mean, ValueId dmean, ValueId dvariance) {
    return builder.add_one(batch_moments_gradient_op(), {{x, mean, dmean, dvariance}});
}

}  // namespace tensile::ops
