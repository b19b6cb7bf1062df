// Bases of elementwise ops, and how reference kernels count what is present. Derived gives `template <typename T>
// static T value(T x)` (or of two operands); shape rule and loop are the same for all.
#pragma once

#include <cstdint>

#include "graph/op.h"
#include "graph/ops/input_check.h"

namespace tensile::ops {

// Rows that are present; a scalar has one.
inline std::int64_t present_rows(const TensorView& view) {
    return view.type.shape.rank() == 0 ? 1 : view.extent;
}
// Elements of the present rows, which come first in the buffer.
inline std::int64_t present_elements(const TensorView& view) {
    return present_rows(view) * view.type.shape.row_width();
}

template <typename Derived>
class UnaryOp : public OpBase<Derived> {
  public:
    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(this->name(), inputs, 1);
        check.floating(0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* x = call.inputs[0].as<T>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i)
            y[i] = Derived::value(x[i]);
    }
};

template <typename Derived>
class BinaryOp : public OpBase<Derived> {
  public:
    std::vector<TensorType> infer(std::span<const TensorType> inputs, const Attributes&) const override {
        const InputCheck check(this->name(), inputs, 2);
        check.floating(0);
        check.same_type(1, 0);
        return {inputs[0]};
    }

    template <typename T>
    static void reference(const KernelCall& call) {
        const T* a = call.inputs[0].as<T>();
        const T* b = call.inputs[1].as<T>();
        T* y = call.outputs[0].as<T>();
        const std::int64_t count = present_elements(call.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i)
            y[i] = Derived::value(a[i], b[i]);
    }
};

}  // namespace tensile::ops
