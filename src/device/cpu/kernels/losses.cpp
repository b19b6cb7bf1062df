// Kernels of the per-row losses and their gradients. A row that is beyond the extent or has weight 0 gives exactly 0,
// whatever else it holds.
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/losses.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/transcendentals-inl.h"
#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

struct SquaredError {
    explicit SquaredError(const Attributes&) {}
    FloatVector loss(FloatTag, FloatVector prediction, FloatVector target) const {
        const FloatVector error = hn::Sub(prediction, target);
        return hn::Mul(error, error);
    }
    FloatVector slope(FloatTag, FloatVector prediction, FloatVector target) const {
        const FloatVector error = hn::Sub(prediction, target);
        return hn::Add(error, error);
    }
};

struct Huber {
    float delta;
    explicit Huber(const Attributes& attributes) : delta(static_cast<float>(attributes.number("delta"))) {}
    FloatVector loss(FloatTag d, FloatVector prediction, FloatVector target) const {
        const FloatVector limit = hn::Set(d, delta);
        const FloatVector half = hn::Set(d, 0.5F);
        const FloatVector error = hn::Abs(hn::Sub(prediction, target));
        return hn::IfThenElse(hn::Le(error, limit), hn::Mul(half, hn::Mul(error, error)),
                              hn::Mul(limit, hn::NegMulAdd(half, limit, error)));
    }
    FloatVector slope(FloatTag d, FloatVector prediction, FloatVector target) const {
        const FloatVector error = hn::Sub(prediction, target);
        return keep_nan(error, hn::Max(hn::Min(error, hn::Set(d, delta)), hn::Set(d, -delta)));
    }
};

struct BinaryCrossEntropy {
    explicit BinaryCrossEntropy(const Attributes&) {}
    FloatVector loss(FloatTag d, FloatVector z, FloatVector target) const {
        const FloatVector soft = hn::Log1p(d, exponential(d, hn::Neg(hn::Abs(z))));
        return keep_nan(z, hn::Add(hn::NegMulAdd(z, target, hn::Max(z, hn::Zero(d))), soft));
    }
    FloatVector slope(FloatTag d, FloatVector z, FloatVector target) const { return hn::Sub(logistic(d, z), target); }
};

// Rows [begin, end) of the tile that are present.
HWY_INLINE std::int64_t present_end(const TileCall& call) {
    return std::max(call.begin, std::min(call.end, call.outputs[0].extent));
}

void zero_rows(float* values, std::int64_t begin, std::int64_t end, std::int64_t width) {
    std::fill(values + begin * width, values + end * width, 0.0F);
}

template <typename Loss>
void loss_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const Loss loss(call.attributes);
    const std::int64_t end = present_end(call);
    map(
        end - call.begin, call.output(0) + call.begin,
        [&](FloatVector prediction, FloatVector target, FloatVector weight) {
            return hn::IfThenElseZero(hn::Ne(weight, hn::Zero(d)), hn::Mul(weight, loss.loss(d, prediction, target)));
        },
        call.input(0) + call.begin, call.input(1) + call.begin, call.input(2) + call.begin);
    zero_rows(call.output(0), end, call.end, 1);
}

template <typename Loss>
void gradient_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const Loss loss(call.attributes);
    const std::int64_t end = present_end(call);
    map(
        end - call.begin, call.output(0) + call.begin,
        [&](FloatVector prediction, FloatVector target, FloatVector weight, FloatVector dloss) {
            return hn::IfThenElseZero(hn::Ne(weight, hn::Zero(d)),
                                      hn::Mul(hn::Mul(weight, dloss), loss.slope(d, prediction, target)));
        },
        call.input(0) + call.begin, call.input(1) + call.begin, call.input(2) + call.begin, call.input(3) + call.begin);
    zero_rows(call.output(0), end, call.end, 1);
}

// The maximum of a row of logits and the sum of exp(z - maximum).
struct Normalizer {
    float highest;
    float sum;

    Normalizer(const float* z, std::int64_t width) : highest(z[0]), sum(0) {
        for (std::int64_t j = 1; j < width; ++j)
            highest = std::max(highest, z[j]);
        const FloatTag d;
        const std::int64_t lanes = lane_count();
        const FloatVector shift = hn::Set(d, highest);
        FloatVector sums = hn::Zero(d);
        std::int64_t j = 0;
        for (; j + lanes <= width; j += lanes)
            sums = hn::Add(sums, exponential(d, hn::Sub(hn::LoadU(d, z + j), shift)));
        if (j < width) {
            const FloatVector rest = exponential(d, hn::Sub(load_partial(d, z + j, width - j), shift));
            sums = hn::Add(sums, hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(width - j)), rest));
        }
        sum = hn::GetLane(hn::SumOfLanes(d, sums));
    }
};

// Of a row that counts, its class; else -1.
HWY_INLINE std::int64_t class_of(const TileCall& call, std::int64_t row) {
    const TensorView& logits = call.inputs[0];
    if (row >= logits.extent || call.input(2)[row] == 0) return -1;
    const std::int64_t target = call.indices(1)[row];
    return target < logits.type.shape[1] ? target : -1;
}

void softmax_cross_entropy_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t width = call.inputs[0].type.shape[1];
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        call.output(0)[row] = 0;
        const std::int64_t target = class_of(call, row);
        if (target < 0) continue;
        const float* z = call.input(0) + row * width;
        const Normalizer normalizer(z, width);
        const float logarithm_of_sum = hn::GetLane(logarithm(d, hn::Set(d, normalizer.sum)));
        call.output(0)[row] = call.input(2)[row] * (logarithm_of_sum + normalizer.highest - z[target]);
    }
}

void softmax_cross_entropy_gradient_rows(const TileCall& call) noexcept {
    const FloatTag d;
    const std::int64_t width = call.inputs[0].type.shape[1];
    for (std::int64_t row = call.begin; row < call.end; ++row) {
        float* dz = call.output(0) + row * width;
        const std::int64_t target = class_of(call, row);
        if (target < 0) {
            zero_rows(dz, 0, 1, width);
            continue;
        }
        const float* z = call.input(0) + row * width;
        const Normalizer normalizer(z, width);
        const float factor = call.input(2)[row] * call.input(3)[row];
        const float at_target = z[target];
        const FloatVector highest = hn::Set(d, normalizer.highest);
        const FloatVector scale = hn::Set(d, factor / normalizer.sum);
        map(
            width, dz, [=](FloatVector v) { return hn::Mul(exponential(d, hn::Sub(v, highest)), scale); }, z);
        const float probability =
            hn::GetLane(exponential(d, hn::Set(d, at_target - normalizer.highest))) / normalizer.sum;
        dz[target] = factor * (probability - 1);
    }
}

}  // namespace

void add_losses(KernelTable& table) {
    table.add_rows("squared_error_loss", &loss_rows<SquaredError>);
    table.add_rows("squared_error_loss_gradient", &gradient_rows<SquaredError>);
    table.add_rows("huber_loss", &loss_rows<Huber>);
    table.add_rows("huber_loss_gradient", &gradient_rows<Huber>);
    table.add_rows("binary_cross_entropy_loss", &loss_rows<BinaryCrossEntropy>);
    table.add_rows("binary_cross_entropy_loss_gradient", &gradient_rows<BinaryCrossEntropy>);
    table.add_rows("softmax_cross_entropy_loss", &softmax_cross_entropy_rows);
    table.add_rows("softmax_cross_entropy_loss_gradient", &softmax_cross_entropy_gradient_rows);
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_losses);
void add_loss_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_losses)(table);
}
}  // namespace tensile
#endif
