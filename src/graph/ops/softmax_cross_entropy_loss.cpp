// softmax_cross_entropy_loss and its gradient; see softmax_cross_entropy_loss.h.
#include "graph/ops/softmax_cross_entropy_loss.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/elementwise.h"

namespace tensile::ops {

namespace {

void check_inputs(const InputCheck& check, std::span<const TensorType> inputs) {
    check.floating(0);
    check.rank(0, 2);
    check.dtype(1, DType::kI32);
    check.rank(1, 1);
    check.same_rows(1, 0);
    check.dtype(2, inputs[0].dtype);
    check.rank(2, 1);
    check.same_rows(2, 0);
}

// Whether row i has a target that counts.
template <typename T>
bool counts(const KernelCall& call, std::int64_t i) {
    const TensorView& logits = call.inputs[0];
    if (i >= logits.extent || call.inputs[2].as<T>()[i] == 0) return false;
    const std::int32_t target = call.inputs[1].as<std::int32_t>()[i];
    return target >= 0 && target < logits.type.shape[1];
}

template <typename T>
struct Normalizer {
    T highest;
    T sum;  // of exp(z - highest)

    Normalizer(const T* z, std::int64_t width) : highest(*std::max_element(z, z + width)), sum(0) {
        for (std::int64_t j = 0; j < width; ++j)
            sum += std::exp(z[j] - highest);
    }
};

class SoftmaxCrossEntropyLossOp final : public OpBase<SoftmaxCrossEntropyLossOp> {
  public:
    std::string_view name() const override { return "softmax_cross_entropy_loss"; }
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        check_inputs(InputCheck(name(), inputs, 3), inputs);
        return {inputs[2]};
    }

    void gradient(GradientCall& call) const override {
        call.dense[0] = softmax_cross_entropy_loss_gradient(call.builder, call.inputs[0], call.inputs[1],
                                                            call.inputs[2], call.output_gradients[0]);
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t width = call.inputs[0].type.shape[1];
        T* loss = call.outputs[0].as<T>();
        for (std::int64_t i = 0; i < call.outputs[0].type.shape.rows(); ++i) {
            loss[i] = 0;
            if (!counts<T>(call, i)) continue;
            const T* z = call.inputs[0].as<T>() + i * width;
            const Normalizer<T> normalizer(z, width);
            const T target = z[call.inputs[1].as<std::int32_t>()[i]];
            loss[i] = call.inputs[2].as<T>()[i] * (std::log(normalizer.sum) + normalizer.highest - target);
        }
    }
};

class SoftmaxCrossEntropyLossGradientOp final : public OpBase<SoftmaxCrossEntropyLossGradientOp> {
  public:
    std::string_view name() const override { return "softmax_cross_entropy_loss_gradient"; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(name(), inputs, 4);
        check_inputs(check, inputs);
        check.same_type(3, 2);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const std::int64_t width = call.inputs[0].type.shape[1];
        for (std::int64_t i = 0; i < call.outputs[0].type.shape.rows(); ++i) {
            const T* z = call.inputs[0].as<T>() + i * width;
            T* dz = call.outputs[0].as<T>() + i * width;
            std::fill_n(dz, width, T{0});
            if (!counts<T>(call, i)) continue;
            const Normalizer<T> normalizer(z, width);
            const T factor = call.inputs[2].as<T>()[i] * call.inputs[3].as<T>()[i];
            for (std::int64_t j = 0; j < width; ++j) {
                const T probability = std::exp(z[j] - normalizer.highest) / normalizer.sum;
                const T hit = j == call.inputs[1].as<std::int32_t>()[i] ? 1 : 0;
                dz[j] = factor * (probability - hit);
            }
        }
    }
};

}  // namespace

const Op& softmax_cross_entropy_loss_op() {
    static const SoftmaxCrossEntropyLossOp op;
    return op;
}

const Op& softmax_cross_entropy_loss_gradient_op() {
    static const SoftmaxCrossEntropyLossGradientOp op;
    return op;
}

ValueId softmax_cross_entropy_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight) {
    return builder.add_one(softmax_cross_entropy_loss_op(), {{prediction, target, weight}});
}

ValueId softmax_cross_entropy_loss_gradient(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight,
                                            ValueId dloss) {
    return builder.add_one(softmax_cross_entropy_loss_gradient_op(), {{prediction, target, weight, dloss}});
}

}  // namespace tensile::ops
