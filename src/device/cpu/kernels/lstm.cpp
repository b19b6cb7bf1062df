// Kernels of the LSTM's cell and of its gradient.
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/lstm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/transcendentals-inl.h"
#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

// Activations of a vector of elements; `gates` points at the first one's zi.
struct Activations {
    FloatVector input, forget, candidate, output;

    template <typename Access>
    HWY_INLINE Activations(const Access& access, const float* gates, std::int64_t hidden)
        : input(logistic(FloatTag(), access.load(gates))),
          forget(logistic(FloatTag(), access.load(gates + hidden))),
          candidate(hyperbolic_tangent(FloatTag(), access.load(gates + 2 * hidden))),
          output(logistic(FloatTag(), access.load(gates + 3 * hidden))) {}
    HWY_INLINE FloatVector cell(FloatVector previous) const {
        return hn::MulAdd(forget, previous, hn::Mul(input, candidate));
    }
};

void lstm_cell_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const bool masked = call.attributes.flag("masked");
    const std::int64_t width = call.outputs[0].type.shape[1];
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const float* gates = call.input(0) + row * 4 * width;
        const float* previous_cell = call.input(1) + row * width;
        float* hidden = call.output(0) + row * width;
        float* cell = call.output(1) + row * width;
        if (masked && call.input(3)[row] == 0) {
            std::copy_n(call.input(2) + row * width, width, hidden);
            std::copy_n(previous_cell, width, cell);
            continue;
        }
        for_columns(0, width, [&](std::int64_t column, auto access) {
            const Activations gate(access, gates + column, width);
            const FloatVector state = gate.cell(access.load(previous_cell + column));
            access.store(state, cell + column);
            access.store(hn::Mul(gate.output, hyperbolic_tangent(d, state)), hidden + column);
        });
    }
}

// dy y (1 - y), y a logistic function
HWY_INLINE FloatVector logistic_gradient(FloatVector y, FloatVector dy) {
    return hn::Mul(hn::Mul(dy, y), hn::Sub(hn::Set(FloatTag(), 1.0F), y));
}
// dy (1 - y^2), y a hyperbolic tangent
HWY_INLINE FloatVector tangent_gradient(FloatVector y, FloatVector dy) {
    return hn::Mul(dy, hn::NegMulAdd(y, y, hn::Set(FloatTag(), 1.0F)));
}

// A gradient that is not there is zero.
void copy_or_zero(const float* from, std::int64_t count, float* to) {
    if (from != nullptr)
        std::copy_n(from, count, to);
    else
        std::fill_n(to, count, 0.0F);
}

void lstm_cell_gradient_rows(const TileCall& call) noexcept {
    const bool masked = call.attributes.flag("masked");
    const std::int64_t width = call.outputs[1].type.shape[1];
    std::size_t next = masked ? 3 : 2;
    const float* hidden_gradients = call.attributes.flag("hidden_gradient") ? call.input(next++) : nullptr;
    const float* cell_gradients = call.attributes.flag("cell_gradient") ? call.input(next) : nullptr;
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const float* gates = call.input(0) + row * 4 * width;
        const float* previous_cell = call.input(1) + row * width;
        const float* dh_row = hidden_gradients == nullptr ? nullptr : hidden_gradients + row * width;
        const float* dc_row = cell_gradients == nullptr ? nullptr : cell_gradients + row * width;
        float* dgates = call.output(0) + row * 4 * width;
        float* dprevious_cell = call.output(1) + row * width;
        const bool present = !masked || call.input(2)[row] != 0;
        if (masked) copy_or_zero(present ? nullptr : dh_row, width, call.output(2) + row * width);
        if (!present) {
            std::fill_n(dgates, 4 * width, 0.0F);
            copy_or_zero(dc_row, width, dprevious_cell);
            continue;
        }
        for_columns(0, width, [&](std::int64_t column, auto access) {
            const FloatVector zero = hn::Zero(FloatTag());
            const FloatVector dh = dh_row == nullptr ? zero : access.load(dh_row + column);
            const FloatVector dc = dc_row == nullptr ? zero : access.load(dc_row + column);
            const FloatVector previous = access.load(previous_cell + column);
            const Activations gate(access, gates + column, width);
            const FloatVector squashed = hyperbolic_tangent(FloatTag(), gate.cell(previous));
            const FloatVector e = hn::Add(dc, tangent_gradient(squashed, hn::Mul(dh, gate.output)));
            float* to = dgates + column;
            access.store(logistic_gradient(gate.input, hn::Mul(e, gate.candidate)), to);
            access.store(logistic_gradient(gate.forget, hn::Mul(e, previous)), to + width);
            access.store(tangent_gradient(gate.candidate, hn::Mul(e, gate.input)), to + 2 * width);
            access.store(logistic_gradient(gate.output, hn::Mul(dh, squashed)), to + 3 * width);
            access.store(hn::Mul(e, gate.forget), dprevious_cell + column);
        });
    }
}

}  // namespace

void add_lstm(KernelTable& table) {
    table.add_rows("lstm_cell", &lstm_cell_rows);
    table.add_rows("lstm_cell_gradient", &lstm_cell_gradient_rows);
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_lstm);
void add_lstm_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_lstm)(table);
}
}  // namespace tensile
#endif
