// Row kernels of layer and batch normalisation; their reductions over the batch are in reductions.cpp.
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/normalization.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

// Sum of (x - center)^2 over one row.
HWY_INLINE float squared_deviations(std::int64_t width, const float* x, FloatVector center) {
    const FloatTag d;
    const std::int64_t lanes = lane_count();
    FloatVector sums = hn::Zero(d);
    std::int64_t j = 0;
    for (; j + lanes <= width; j += lanes) {
        const FloatVector deviation = hn::Sub(hn::LoadU(d, x + j), center);
        sums = hn::MulAdd(deviation, deviation, sums);
    }
    if (j < width) {
        const auto present = hn::FirstN(d, static_cast<std::size_t>(width - j));
        const FloatVector deviation = hn::IfThenElseZero(present, hn::Sub(load_partial(d, x + j, width - j), center));
        sums = hn::MulAdd(deviation, deviation, sums);
    }
    return hn::GetLane(hn::SumOfLanes(d, sums));
}

void layer_norm_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t width = call.inputs[0].type.shape[1];
    const auto epsilon = static_cast<float>(call.attributes.number("epsilon"));
    const auto columns = static_cast<float>(width);
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const float* x = call.input(0) + row * width;
        const float mean = sum_of(
                               width, [](FloatVector v) { return v; }, x) /
                           columns;
        const FloatVector center = hn::Set(d, mean);
        const float squares = squared_deviations(width, x, center);
        const float inverse_deviation = 1 / __builtin_sqrtf(squares / columns + epsilon);
        const FloatVector scale = hn::Set(d, inverse_deviation);
        map(
            width, call.output(0) + row * width,
            [=](FloatVector v, FloatVector gamma, FloatVector beta) {
                return hn::MulAdd(hn::Mul(hn::Sub(v, center), scale), gamma, beta);
            },
            x, call.input(1), call.input(2));
        call.output(1)[row] = mean;
        call.output(2)[row] = inverse_deviation;
    }
}

void layer_norm_gradient_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t width = call.inputs[0].type.shape[1];
    const auto columns = static_cast<float>(width);
    const float* gamma = call.input(1);
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        const float* x = call.input(0) + row * width;
        const float* dy = call.input(4) + row * width;
        const FloatVector center = hn::Set(d, call.input(2)[row]);
        const FloatVector scale = hn::Set(d, call.input(3)[row]);
        // dy is zero behind the row's end, so those lanes add nothing.
        const float mean_g = sum_of(
                                 width, [](FloatVector v, FloatVector g) { return hn::Mul(v, g); }, dy, gamma) /
                             columns;
        const float mean_gh = sum_of(
                                  width,
                                  [=](FloatVector v, FloatVector g, FloatVector value) {
                                      return hn::Mul(hn::Mul(v, g), hn::Mul(hn::Sub(value, center), scale));
                                  },
                                  dy, gamma, x) /
                              columns;
        const FloatVector shift = hn::Set(d, mean_g);
        const FloatVector slope = hn::Set(d, mean_gh);
        map(
            width, call.output(0) + row * width,
            [=](FloatVector v, FloatVector g, FloatVector value) {
                const FloatVector h = hn::Mul(hn::Sub(value, center), scale);
                return hn::Mul(scale, hn::NegMulAdd(h, slope, hn::Sub(hn::Mul(v, g), shift)));
            },
            dy, gamma, x);
    }
}

// gamma / sqrt(variance + epsilon)
HWY_INLINE FloatVector batch_factor(FloatVector variance, FloatVector gamma, float epsilon) {
    const FloatTag d;
    return hn::Mul(hn::Div(hn::Set(d, 1.0F), hn::Sqrt(hn::Add(variance, hn::Set(d, epsilon)))), gamma);
}

// The batch kernels take a few columns through all rows of the tile, so that what belongs to a column is computed once.
void batch_normalize_rows(const TileCall& call) noexcept {
    const std::int64_t width = call.inputs[0].type.shape[1];
    const auto epsilon = static_cast<float>(call.attributes.number("epsilon"));
    for_columns(0, width, [&](std::int64_t column, auto access) {
        const FloatVector mean = access.load(call.input(1) + column);
        const FloatVector factor =
            batch_factor(access.load(call.input(2) + column), access.load(call.input(3) + column), epsilon);
        const FloatVector beta = access.load(call.input(4) + column);
        for (std::int64_t at = call.begin * width + column; at < call.end * width; at += width)
            access.store(hn::MulAdd(hn::Sub(access.load(call.input(0) + at), mean), factor, beta), call.output(0) + at);
    });
}

void batch_norm_gradient_rows(const TileCall& call) noexcept {
    const std::int64_t width = call.inputs[0].type.shape[1];
    const auto epsilon = static_cast<float>(call.attributes.number("epsilon"));
    for_columns(0, width, [&](std::int64_t column, auto access) {
        const FloatVector factor =
            batch_factor(access.load(call.input(1) + column), access.load(call.input(2) + column), epsilon);
        for (std::int64_t at = call.begin * width + column; at < call.end * width; at += width)
            access.store(hn::Mul(access.load(call.input(0) + at), factor), call.output(0) + at);
    });
}

// dx = (dmean + 2 (x - mean) dvariance) / extent
void batch_moments_gradient_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t width = call.inputs[0].type.shape[1];
    const FloatVector share = hn::Set(d, 1 / static_cast<float>(std::max<std::int64_t>(call.inputs[0].extent, 1)));
    for_columns(0, width, [&](std::int64_t column, auto access) {
        const FloatVector mean = access.load(call.input(1) + column);
        const FloatVector dmean = hn::Mul(access.load(call.input(2) + column), share);
        const FloatVector dvariance = access.load(call.input(3) + column);
        const FloatVector slope = hn::Mul(hn::Add(dvariance, dvariance), share);
        for (std::int64_t at = call.begin * width + column; at < call.end * width; at += width)
            access.store(hn::MulAdd(hn::Sub(access.load(call.input(0) + at), mean), slope, dmean), call.output(0) + at);
    });
}

}  // namespace

void add_normalization(KernelTable& table) {
    constexpr unsigned kFirst = 1;
    table.add_rows("layer_norm", &layer_norm_rows);
    table.add_rows("layer_norm_gradient_input", &layer_norm_gradient_rows);
    table.add_rows("batch_normalize", &batch_normalize_rows, kFirst);
    table.add_rows("batch_norm_gradient_input", &batch_norm_gradient_rows, kFirst);
    table.add_rows("batch_moments_gradient", &batch_moments_gradient_rows, kFirst);
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_normalization);
void add_normalization_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_normalization)(table);
}
}  // namespace tensile
#endif
