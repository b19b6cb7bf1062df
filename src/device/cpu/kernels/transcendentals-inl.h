// Exponentials and logarithms over vectors, with the special values of <cmath>: NaN stays NaN, overflow is infinity.
// Highway's polynomials are within 4 units in the last place of the true value over their ranges; they are compiled
// once for each instruction set.
#include <limits>

#if defined(TENSILE_TRANSCENDENTALS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TENSILE_TRANSCENDENTALS_INL_H
#undef TENSILE_TRANSCENDENTALS_INL_H
#else
#define TENSILE_TRANSCENDENTALS_INL_H
#endif

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {

// `value` where x is a number, else x (NaN).
HWY_INLINE FloatVector keep_nan(FloatVector x, FloatVector value) {
    return hn::IfThenElse(hn::Eq(x, x), value, x);
}

HWY_INLINE FloatVector exponential(FloatTag d, FloatVector x) {
    // Above 104 the polynomial's range ends; e^104 is infinity already.
    return keep_nan(x, hn::Exp(d, hn::Min(x, hn::Set(d, 104.0F))));
}

HWY_INLINE FloatVector logarithm(FloatTag d, FloatVector x) {
    const FloatVector infinity = hn::Set(d, std::numeric_limits<float>::infinity());
    FloatVector y = hn::Log(d, x);
    y = hn::IfThenElse(hn::Eq(x, infinity), infinity, y);
    y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), y);
    y = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Set(d, std::numeric_limits<float>::quiet_NaN()), y);
    return keep_nan(x, y);
}

HWY_INLINE FloatVector hyperbolic_tangent(FloatTag d, FloatVector x) {
    return keep_nan(x, hn::Tanh(d, x));
}

HWY_INLINE FloatVector logistic(FloatTag d, FloatVector x) {
    const FloatVector one = hn::Set(d, 1.0F);
    return hn::Div(one, hn::Add(one, exponential(d, hn::Neg(x))));
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#endif
