// Kernels of the smooth elementwise functions and their gradients: exp, log, logistic, tanh, GELU, SiLU.
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/activations.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/transcendentals-inl.h"
#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

template <typename Operation>
void unary_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t width = call.outputs[0].type.shape.row_width();
    const std::int64_t first = call.begin * width;
    map((call.end - call.begin) * width, call.output(0) + first, [d](FloatVector x) { return Operation()(d, x); },
        call.input(0) + first);
}

template <typename Operation>
void binary_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t width = call.outputs[0].type.shape.row_width();
    const std::int64_t first = call.begin * width;
    map((call.end - call.begin) * width, call.output(0) + first,
        [d](FloatVector a, FloatVector b) { return Operation()(d, a, b); }, call.input(0) + first,
        call.input(1) + first);
}

struct Exp {
    FloatVector operator()(FloatTag d, FloatVector x) const { return exponential(d, x); }
};
struct Log {
    FloatVector operator()(FloatTag d, FloatVector x) const { return logarithm(d, x); }
};
struct Sigmoid {
    FloatVector operator()(FloatTag d, FloatVector x) const { return logistic(d, x); }
};
// dy y (1 - y)
struct SigmoidGradient {
    FloatVector operator()(FloatTag d, FloatVector y, FloatVector dy) const {
        return hn::Mul(hn::Mul(dy, y), hn::Sub(hn::Set(d, 1.0F), y));
    }
};
struct Tanh {
    FloatVector operator()(FloatTag d, FloatVector x) const { return hyperbolic_tangent(d, x); }
};
// dy (1 - y^2)
struct TanhGradient {
    FloatVector operator()(FloatTag d, FloatVector y, FloatVector dy) const {
        return hn::Mul(dy, hn::NegMulAdd(y, y, hn::Set(d, 1.0F)));
    }
};
struct Silu {
    FloatVector operator()(FloatTag d, FloatVector x) const { return hn::Mul(x, logistic(d, x)); }
};
// dy s (1 + x (1 - s)), s the logistic function of x
struct SiluGradient {
    FloatVector operator()(FloatTag d, FloatVector x, FloatVector dy) const {
        const FloatVector one = hn::Set(d, 1.0F);
        const FloatVector s = logistic(d, x);
        return hn::Mul(hn::Mul(dy, s), hn::MulAdd(x, hn::Sub(one, s), one));
    }
};

// tanh of u = sqrt(2 / pi) (x + 0.044715 x^3), the inner function of GELU.
HWY_INLINE FloatVector gelu_tanh(FloatTag d, FloatVector x) {
    const FloatVector cubic = hn::Mul(hn::Mul(x, x), hn::Mul(x, hn::Set(d, 0.044715F)));
    return hyperbolic_tangent(d, hn::Mul(hn::Set(d, 0.7978845608028654F), hn::Add(x, cubic)));
}

struct Gelu {
    FloatVector operator()(FloatTag d, FloatVector x) const {
        const FloatVector half = hn::Mul(hn::Set(d, 0.5F), x);
        return hn::Mul(half, hn::Add(hn::Set(d, 1.0F), gelu_tanh(d, x)));
    }
};
// dy (0.5 (1 + tanh u) + 0.5 x (1 - tanh(u)^2) u'), u' = sqrt(2 / pi) (1 + 3 * 0.044715 x^2)
struct GeluGradient {
    FloatVector operator()(FloatTag d, FloatVector x, FloatVector dy) const {
        const FloatVector one = hn::Set(d, 1.0F);
        const FloatVector t = gelu_tanh(d, x);
        const FloatVector square = hn::Mul(x, x);
        const FloatVector slope =
            hn::Mul(hn::Set(d, 0.7978845608028654F), hn::MulAdd(hn::Set(d, 0.134145F), square, one));
        // Far out, 1 - t^2 is zero while x^2 may have overflowed.
        const FloatVector sech_squared = hn::NegMulAdd(t, t, one);
        const FloatVector bend =
            hn::IfThenElseZero(hn::Ne(sech_squared, hn::Zero(d)), hn::Mul(hn::Mul(x, sech_squared), slope));
        return hn::Mul(hn::Mul(dy, hn::Set(d, 0.5F)), hn::Add(hn::Add(one, t), bend));
    }
};

}  // namespace

void add_activations(KernelTable& table) {
    constexpr unsigned kFirst = 1;
    constexpr unsigned kBoth = 3;
    table.add_rows("exp", &unary_rows<Exp>, kFirst);
    table.add_rows("log", &unary_rows<Log>, kFirst);
    table.add_rows("sigmoid", &unary_rows<Sigmoid>, kFirst);
    table.add_rows("sigmoid_gradient", &binary_rows<SigmoidGradient>, kBoth);
    table.add_rows("tanh", &unary_rows<Tanh>, kFirst);
    table.add_rows("tanh_gradient", &binary_rows<TanhGradient>, kBoth);
    table.add_rows("silu", &unary_rows<Silu>, kFirst);
    table.add_rows("silu_gradient", &binary_rows<SiluGradient>, kBoth);
    table.add_rows("gelu", &unary_rows<Gelu>, kFirst);
    table.add_rows("gelu_gradient", &binary_rows<GeluGradient>, kBoth);
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_activations);
void add_activation_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_activations)(table);
}
}  // namespace tensile
#endif
