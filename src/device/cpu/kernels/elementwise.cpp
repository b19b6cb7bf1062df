// Kernels of ops that compute each element from the elements at the same place: arithmetic, scaling by a scalar, bias.
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

// The row tile as one run of elements.
struct Run {
    std::int64_t first;
    std::int64_t count;
    explicit Run(const TileCall& call) {
        const std::int64_t width = call.outputs[0].type.shape.row_width();
        first = call.begin * width;
        count = (call.end - call.begin) * width;
    }
};

template <typename Operation>
void unary_rows(const TileCall& call) noexcept {
    const Run run(call);
    const FloatTag d;
    map(
        run.count, call.output(0) + run.first, [d](FloatVector x) { return Operation()(d, x); },
        call.input(0) + run.first);
}

template <typename Operation>
void binary_rows(const TileCall& call) noexcept {
    const Run run(call);
    const FloatTag d;
    map(
        run.count, call.output(0) + run.first, [d](FloatVector a, FloatVector b) { return Operation()(d, a, b); },
        call.input(0) + run.first, call.input(1) + run.first);
}

struct Add {
    FloatVector operator()(FloatTag, FloatVector a, FloatVector b) const { return hn::Add(a, b); }
};
struct Subtract {
    FloatVector operator()(FloatTag, FloatVector a, FloatVector b) const { return hn::Sub(a, b); }
};
struct Multiply {
    FloatVector operator()(FloatTag, FloatVector a, FloatVector b) const { return hn::Mul(a, b); }
};
struct Divide {
    FloatVector operator()(FloatTag, FloatVector a, FloatVector b) const { return hn::Div(a, b); }
};
struct Relu {
    FloatVector operator()(FloatTag d, FloatVector x) const { return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), x); }
};
struct ReluGradient {
    FloatVector operator()(FloatTag d, FloatVector y, FloatVector dy) const {
        return hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), dy);
    }
};
struct Absolute {
    FloatVector operator()(FloatTag, FloatVector x) const { return hn::Abs(x); }
};
struct AbsoluteGradient {
    FloatVector operator()(FloatTag d, FloatVector x, FloatVector dy) const {
        const FloatVector zero = hn::Zero(d);
        return hn::IfThenElse(hn::Lt(x, zero), hn::Neg(dy), hn::IfThenElseZero(hn::Gt(x, zero), dy));
    }
};
struct Square {
    FloatVector operator()(FloatTag, FloatVector x) const { return hn::Mul(x, x); }
};
struct SquareGradient {
    FloatVector operator()(FloatTag, FloatVector x, FloatVector dy) const { return hn::Mul(hn::Add(x, x), dy); }
};
struct Sqrt {
    FloatVector operator()(FloatTag, FloatVector x) const { return hn::Sqrt(x); }
};
struct SqrtGradient {
    FloatVector operator()(FloatTag, FloatVector y, FloatVector dy) const { return hn::Div(dy, hn::Add(y, y)); }
};
struct Round {
    FloatVector operator()(FloatTag, FloatVector x) const { return hn::Round(x); }
};

void scale_rows(const TileCall& call) noexcept {
    const Run run(call);
    const FloatVector factor = hn::Set(FloatTag(), call.scalar(1));
    map(
        run.count, call.output(0) + run.first, [factor](FloatVector x) { return hn::Mul(factor, x); },
        call.input(0) + run.first);
}

void affine_constant_rows(const TileCall& call) noexcept {
    const Run run(call);
    const FloatTag d;
    const FloatVector multiplier = hn::Set(d, static_cast<float>(call.attributes.number("multiplier")));
    const FloatVector offset = hn::Set(d, static_cast<float>(call.attributes.number("offset")));
    map(
        run.count, call.output(0) + run.first, [=](FloatVector x) { return hn::Add(hn::Mul(multiplier, x), offset); },
        call.input(0) + run.first);
}

// The slope of a quantile's loss.
struct PinballSlope {
    FloatVector above;
    FloatVector below;
    explicit PinballSlope(const TileCall& call) {
        const auto level = static_cast<float>(call.attributes.number("level"));
        above = hn::Set(FloatTag(), level);
        below = hn::Set(FloatTag(), level - 1);
    }
    FloatVector operator()(FloatVector x) const {
        return hn::IfThenElse(hn::Gt(x, hn::Zero(FloatTag())), above, below);
    }
};

void pinball_rows(const TileCall& call) noexcept {
    const Run run(call);
    const PinballSlope slope(call);
    map(
        run.count, call.output(0) + run.first, [&](FloatVector x) { return hn::Mul(slope(x), x); },
        call.input(0) + run.first);
}

void pinball_gradient_rows(const TileCall& call) noexcept {
    const Run run(call);
    const PinballSlope slope(call);
    map(
        run.count, call.output(0) + run.first, [&](FloatVector x, FloatVector dy) { return hn::Mul(slope(x), dy); },
        call.input(0) + run.first, call.input(1) + run.first);
}

void broadcast_scalar_rows(const TileCall& call) noexcept {
    const Run run(call);
    const FloatVector value = hn::Set(FloatTag(), call.scalar(0));
    map(run.count, call.output(0) + run.first, [value]() { return value; });
}

void bias_add_rows(const TileCall& call) noexcept {
    const std::int64_t width = call.outputs[0].type.shape[1];
    for (std::int64_t row = call.begin; row < call.end; ++row)
        map(
            width, call.output(0) + row * width, [](FloatVector x, FloatVector bias) { return hn::Add(x, bias); },
            call.input(0) + row * width, call.input(1));
}

void add_scalars_rows(const TileCall& call) noexcept {
    float sum = 0;
    for (std::size_t i = 0; i < call.inputs.size(); ++i)
        sum += call.scalar(i);
    *call.output(0) = sum;
}

void clip_scale_rows(const TileCall& call) noexcept {
    const float norm = __builtin_sqrtf(call.scalar(0));
    const float max_norm = call.scalar(1);
    *call.output(0) = max_norm > 0 && norm > max_norm ? max_norm / norm : 1.0F;
}

void moving_average_elements(const TileCall& call) noexcept {
    const FloatTag d;
    const auto momentum = static_cast<float>(call.attributes.number("momentum"));
    const FloatVector keep = hn::Set(d, momentum);
    const FloatVector take = hn::Set(d, 1 - momentum);
    map(
        call.end - call.begin, call.output(0) + call.begin,
        [=](FloatVector running, FloatVector sample) { return hn::Add(hn::Mul(keep, running), hn::Mul(take, sample)); },
        call.input(0) + call.begin, call.input(1) + call.begin);
}

}  // namespace

void add_elementwise(KernelTable& table) {
    constexpr unsigned kFirst = 1;
    constexpr unsigned kBoth = 3;
    table.add_rows("add", &binary_rows<Add>, kBoth);
    table.add_rows("subtract", &binary_rows<Subtract>, kBoth);
    table.add_rows("multiply", &binary_rows<Multiply>, kBoth);
    table.add_rows("divide", &binary_rows<Divide>, kBoth);
    table.add_rows("relu", &unary_rows<Relu>, kFirst);
    table.add_rows("relu_gradient", &binary_rows<ReluGradient>, kBoth);
    table.add_rows("absolute", &unary_rows<Absolute>, kFirst);
    table.add_rows("absolute_gradient", &binary_rows<AbsoluteGradient>, kBoth);
    table.add_rows("square", &unary_rows<Square>, kFirst);
    table.add_rows("square_gradient", &binary_rows<SquareGradient>, kBoth);
    table.add_rows("sqrt", &unary_rows<Sqrt>, kFirst);
    table.add_rows("sqrt_gradient", &binary_rows<SqrtGradient>, kBoth);
    table.add_rows("round_straight_through", &unary_rows<Round>, kFirst);
    table.add_rows("scale", &scale_rows, kFirst);
    table.add_rows("affine_constant", &affine_constant_rows, kFirst);
    table.add_rows("pinball", &pinball_rows, kFirst);
    table.add_rows("pinball_gradient", &pinball_gradient_rows, kBoth);
    table.add_rows("broadcast_scalar", &broadcast_scalar_rows);
    table.add_rows("bias_add", &bias_add_rows, kFirst);
    table.add_rows("add_scalars", &add_scalars_rows);
    table.add_rows("clip_scale", &clip_scale_rows);
    table.add_plan("moving_average_update",
                   [](const NodeTypes& node) { return elementwise_plan(node, &moving_average_elements); });
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_elementwise);
void add_elementwise_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_elementwise)(table);
}
}  // namespace tensile
#endif
