// masked_mean and its gradient; see masked_mean.h.
#include "graph/ops/masked_mean.h"

#include <algorithm>

#include "graph/blocked_sum.h"
#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

template <typename T>
T divisor(const TensorView& weights) {
    const T sum = blocked_sum<T>(weights.extent, [&](std::int64_t i) { return weights.as<T>()[i]; });
    return std::max(sum, static_cast<T>(kSmallestWeightSum));
}

class MaskedMeanOp final : public OpBase<MaskedMeanOp> {
  public:
    std::string_view name() const override { return "masked_mean"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.rank(0, 1);
        check.same_type(1, 0);
        return {{inputs[0].dtype, {}}};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = masked_mean_gradient(call.builder, call.inputs[1], call.output_gradients[0]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* losses = call.inputs[0].as<T>();
        const T sum = blocked_sum<T>(call.inputs[0].extent, [&](std::int64_t i) { return losses[i]; });
        *call.outputs[0].as<T>() = sum / divisor<T>(call.inputs[1]);
    }
};

class MaskedMeanGradientOp final : public OpBase<MaskedMeanGradientOp> {
  public:
    std::string_view name() const override { return "masked_mean_gradient"; }
    RowPattern row_pattern(const Attributes&) const override { return RowPattern::kWhole; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 2);
        check.floating(0);
        check.rank(0, 1);
        check.scalar(1, 0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        std::fill_n(call.outputs[0].as<T>(), call.outputs[0].extent,
                    *call.inputs[1].as<T>() / divisor<T>(call.inputs[0]));
    }
};

}  // namespace

const Op& masked_mean_op() {
    static const MaskedMeanOp op;
    return op;
}

const Op& masked_mean_gradient_op() {
    static const MaskedMeanGradientOp op;
    return op;
}

ValueId masked_mean(ProgramBuilder& builder, ValueId losses, ValueId weights) {
    return builder.add_one(masked_mean_op(), {{losses, weights}});
}

ValueId masked_mean_gradient(ProgramBuilder& builder, ValueId weights, ValueId dy) {
    return builder.add_one(masked_mean_gradient_op(), {{weights, dy}});
}

}  // namespace tensile::ops
