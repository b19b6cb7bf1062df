// Kernels of softmax over the last axis, of causal_softmax, and of their gradients.
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/transcendentals-inl.h"
#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

// Calls body(offset) for each run along the last axis in the tile's rows.
template <typename Body>
HWY_INLINE void for_runs(const TileCall& call, const Body& body) {
    const Shape& shape = call.outputs[0].type.shape;
    const std::int64_t end = call.end * shape.row_width();
    for (std::int64_t offset = call.begin * shape.row_width(); offset < end; offset += shape.back())
        body(offset);
}

// A NaN may get lost here; it makes the sum of the exponentials NaN all the same.
HWY_INLINE float highest_of(std::int64_t count, const float* x) {
    const FloatTag d;
    const std::int64_t lanes = lane_count();
    FloatVector highest = hn::Set(d, x[0]);
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
        highest = hn::Max(highest, hn::LoadU(d, x + i));
    if (i < count) {
        const auto present = hn::FirstN(d, static_cast<std::size_t>(count - i));
        highest = hn::IfThenElse(present, hn::Max(highest, load_partial(d, x + i, count - i)), highest);
    }
    return hn::GetLane(hn::MaxOfLanes(d, highest));
}

void softmax_of(std::int64_t width, const float* x, float* y) {
    const FloatTag d;
    const FloatVector shift = hn::Set(d, highest_of(width, x));
    map(
        width, y, [=](FloatVector v) { return exponential(d, hn::Sub(v, shift)); }, x);
    const FloatVector scale = hn::Set(d, 1 / sum_of(
                                                 width, [](FloatVector v) { return v; }, y));
    map(
        width, y, [=](FloatVector v) { return hn::Mul(v, scale); }, y);
}

// dx = y (dy - sum_k y[k] dy[k])
void softmax_gradient_of(std::int64_t width, const float* y, const float* dy, float* dx) {
    const FloatTag d;
    const FloatVector dot = hn::Set(d, sum_of(
                                           width, [](FloatVector a, FloatVector b) { return hn::Mul(a, b); }, y, dy));
    map(
        width, dx, [=](FloatVector a, FloatVector b) { return hn::Mul(a, hn::Sub(b, dot)); }, y, dy);
}

void softmax_rows(const TileCall& call) noexcept {
    const std::int64_t width = call.outputs[0].type.shape.back();
    for_runs(call, [&](std::int64_t offset) { softmax_of(width, call.input(0) + offset, call.output(0) + offset); });
}

void softmax_gradient_rows(const TileCall& call) noexcept {
    const std::int64_t width = call.outputs[0].type.shape.back();
    for_runs(call, [&](std::int64_t offset) {
        softmax_gradient_of(width, call.input(0) + offset, call.input(1) + offset, call.output(0) + offset);
    });
}

// Calls body(offset, visible) for each row of the tile with the number of columns that it sees, and zeroes the others.
template <typename Body>
HWY_INLINE void for_visible_columns(const TileCall& call, const Body& body) {
    const std::int64_t steps = call.outputs[0].type.shape[1];
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const std::int64_t visible = row % steps + 1;
        body(row * steps, visible);
        std::fill_n(call.output(0) + row * steps + visible, steps - visible, 0.0F);
    }
}

void causal_softmax_rows(const TileCall& call) noexcept {
    for_visible_columns(call, [&](std::int64_t offset, std::int64_t visible) {
        softmax_of(visible, call.input(0) + offset, call.output(0) + offset);
    });
}

void causal_softmax_gradient_rows(const TileCall& call) noexcept {
    for_visible_columns(call, [&](std::int64_t offset, std::int64_t visible) {
        softmax_gradient_of(visible, call.input(0) + offset, call.input(1) + offset, call.output(0) + offset);
    });
}

}  // namespace

void add_softmax(KernelTable& table) {
    table.add_rows("softmax", &softmax_rows);
    table.add_rows("softmax_gradient", &softmax_gradient_rows);
    table.add_rows("causal_softmax", &causal_softmax_rows);
    table.add_rows("causal_softmax_gradient", &causal_softmax_gradient_rows);
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_softmax);
void add_softmax_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_softmax)(table);
}
}  // namespace tensile
#endif
