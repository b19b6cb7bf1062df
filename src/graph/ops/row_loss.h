// Bases of losses of one number a row and of their gradients: shape rules, and the masking of rows that do not count.
// Derived gives `template <typename T> static T value(T prediction, T target, const Attributes&)`: the loss, or its
// derivative by the prediction.
#pragma once

#include "graph/op.h"
#include "graph/ops/input_check.h"

namespace tensile::ops {

// Inputs prediction, target and weight of a row loss.
inline void check_row_loss(const InputCheck& check, std::span<const TensorType> inputs) {
    check.floating(0);
    for (std::size_t i = 0; i < 2; ++i) {
        check.require(inputs[i].shape.rank() == 1 || (inputs[i].shape.rank() == 2 && inputs[i].shape[1] == 1),
                      "prediction and target must have one number a row");
    }
    check.rank(2, 1);
    for (std::size_t i = 1; i < 3; ++i) {
        check.dtype(i, inputs[0].dtype);
        check.same_rows(i, 0);
    }
}

template <typename Derived>
class RowLossOp : public OpBase<Derived> {
  public:
    bool differentiable() const override { return true; }

    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        check_row_loss(InputCheck(this->name(), inputs, 3), inputs);
        return {inputs[2]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* weight = call.inputs[2].as<T>();
        T* loss = call.outputs[0].as<T>();
        for (std::int64_t i = 0; i < call.outputs[0].type.shape.rows(); ++i) {
            const bool counts = i < call.outputs[0].extent && weight[i] != 0;
            loss[i] = counts ? weight[i] *
                                   Derived::value(call.inputs[0].as<T>()[i], call.inputs[1].as<T>()[i], call.attributes)
                             : T{0};
        }
    }
};

template <typename Derived>
class RowLossGradientOp : public OpBase<Derived> {
  public:
    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(this->name(), inputs, 4);
        check_row_loss(check, inputs);
        check.same_type(3, 2);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* weight = call.inputs[2].as<T>();
        const T* dloss = call.inputs[3].as<T>();
        T* dprediction = call.outputs[0].as<T>();
        for (std::int64_t i = 0; i < call.outputs[0].type.shape.rows(); ++i) {
            const bool counts = i < call.outputs[0].extent && weight[i] != 0;
            dprediction[i] =
                counts ? weight[i] * dloss[i] *
                             Derived::value(call.inputs[0].as<T>()[i], call.inputs[1].as<T>()[i], call.attributes)
                       : T{0};
        }
    }
};

}  // namespace tensile::ops
