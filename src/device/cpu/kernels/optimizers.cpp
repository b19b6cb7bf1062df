// Kernels of the optimizers, dense and for merged row-sparse gradients. Both forms share the arithmetic of one vector
// of elements, so that a row is updated alike by either.
#include "device/cpu/kernels/highway_targets.h"
#include "device/cpu/kernels/kernel_groups.h"
#include "graph/ops/adam.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/kernels/optimizers.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tensile {
namespace HWY_NAMESPACE {
namespace {

// One step of Adam or AdamW over a run of elements; the equations are in graph/ops/adam.h. The bias corrections are
// folded into the step length and the denominator's scale once a tile.
class AdamStep {
  public:
    AdamStep(const float* step, float gradient_scale, bool decoupled)
        : beta1_(step[ops::kAdamBeta1]),
          beta2_(step[ops::kAdamBeta2]),
          epsilon_(step[ops::kAdamEpsilon]),
          gradient_scale_(gradient_scale),
          decay_(decoupled ? 0 : step[ops::kAdamWeightDecay]),
          shrink_(decoupled ? 1 - step[ops::kAdamLearningRate] * step[ops::kAdamWeightDecay] : 1),
          length_(step[ops::kAdamLearningRate] / step[ops::kAdamCorrection1]),
          second_scale_(1 / step[ops::kAdamCorrection2]) {}

    void apply(std::int64_t count, float* parameter, float* first, float* second, const float* gradient) const {
        const FloatTag d;
        const std::int64_t lanes = lane_count();
        std::int64_t i = 0;
        for (; i + lanes <= count; i += lanes) {
            FloatVector p = hn::LoadU(d, parameter + i);
            FloatVector m = hn::LoadU(d, first + i);
            FloatVector v = hn::LoadU(d, second + i);
            update(d, p, m, v, hn::LoadU(d, gradient + i));
            hn::StoreU(p, d, parameter + i);
            hn::StoreU(m, d, first + i);
            hn::StoreU(v, d, second + i);
        }
        if (const std::int64_t rest = count - i; rest > 0) {
            FloatVector p = load_partial(d, parameter + i, rest);
            FloatVector m = load_partial(d, first + i, rest);
            FloatVector v = load_partial(d, second + i, rest);
            update(d, p, m, v, load_partial(d, gradient + i, rest));
            store_partial(d, p, parameter + i, rest);
            store_partial(d, m, first + i, rest);
            store_partial(d, v, second + i, rest);
        }
    }

  private:
    HWY_INLINE void update(FloatTag d, FloatVector& p, FloatVector& m, FloatVector& v, FloatVector gradient) const {
        const FloatVector g = hn::MulAdd(hn::Set(d, decay_), p, hn::Mul(hn::Set(d, gradient_scale_), gradient));
        m = hn::MulAdd(hn::Set(d, beta1_), m, hn::Mul(hn::Set(d, 1 - beta1_), g));
        v = hn::MulAdd(hn::Set(d, beta2_), v, hn::Mul(hn::Set(d, 1 - beta2_), hn::Mul(g, g)));
        const FloatVector deviation = hn::Add(hn::Sqrt(hn::Mul(v, hn::Set(d, second_scale_))), hn::Set(d, epsilon_));
        const FloatVector step = hn::Div(hn::Mul(hn::Set(d, length_), m), deviation);
        p = hn::Sub(hn::Mul(hn::Set(d, shrink_), p), step);
    }

    float beta1_;
    float beta2_;
    float epsilon_;
    float gradient_scale_;
    float decay_;
    float shrink_;
    float length_;
    float second_scale_;
};

// One step of SGD with momentum; the equations are in graph/ops/sgd_momentum.h.
struct SgdStep {
    float learning_rate;
    float momentum;
    float weight_decay;
    float gradient_scale;

    void apply(std::int64_t count, float* parameter, float* velocity, const float* gradient) const {
        const FloatTag d;
        const std::int64_t lanes = lane_count();
        std::int64_t i = 0;
        for (; i + lanes <= count; i += lanes) {
            FloatVector p = hn::LoadU(d, parameter + i);
            FloatVector v = hn::LoadU(d, velocity + i);
            update(d, p, v, hn::LoadU(d, gradient + i));
            hn::StoreU(p, d, parameter + i);
            hn::StoreU(v, d, velocity + i);
        }
        if (const std::int64_t rest = count - i; rest > 0) {
            FloatVector p = load_partial(d, parameter + i, rest);
            FloatVector v = load_partial(d, velocity + i, rest);
            update(d, p, v, load_partial(d, gradient + i, rest));
            store_partial(d, p, parameter + i, rest);
            store_partial(d, v, velocity + i, rest);
        }
    }

    HWY_INLINE void update(FloatTag d, FloatVector& p, FloatVector& v, FloatVector gradient) const {
        const FloatVector g = hn::MulAdd(hn::Set(d, weight_decay), p, hn::Mul(hn::Set(d, gradient_scale), gradient));
        v = hn::MulAdd(hn::Set(d, momentum), v, g);
        p = hn::NegMulAdd(hn::Set(d, learning_rate), v, p);
    }
};

void adam_elements(const TileCall& call) noexcept {
    const AdamStep step(call.input(4), call.scalar(5), call.attributes.flag("decoupled"));
    step.apply(call.end - call.begin, call.output(0) + call.begin, call.output(1) + call.begin,
               call.output(2) + call.begin, call.input(1) + call.begin);
}

// Tiles are slots; their table rows are disjoint because the indices are unique.
void adam_slots(const TileCall& call) noexcept {
    const AdamStep step(call.input(5), call.scalar(6), call.attributes.flag("decoupled"));
    const std::int64_t table_rows = call.inputs[0].type.shape[0];
    const std::int64_t width = call.inputs[0].type.shape[1];
    for (std::int64_t slot = call.begin; slot < call.end; ++slot) {
        const std::int64_t row = call.indices(2)[slot];
        if (row < 0 || row >= table_rows) continue;
        step.apply(width, call.output(0) + row * width, call.output(1) + row * width, call.output(2) + row * width,
                   call.input(1) + slot * width);
    }
}

void sgd_elements(const TileCall& call) noexcept {
    const SgdStep step{call.scalar(3), call.scalar(4), call.scalar(5), call.scalar(6)};
    step.apply(call.end - call.begin, call.output(0) + call.begin, call.output(1) + call.begin,
               call.input(1) + call.begin);
}

void sgd_slots(const TileCall& call) noexcept {
    const SgdStep step{call.scalar(4), call.scalar(5), call.scalar(6), call.scalar(7)};
    const std::int64_t table_rows = call.inputs[0].type.shape[0];
    const std::int64_t width = call.inputs[0].type.shape[1];
    for (std::int64_t slot = call.begin; slot < call.end; ++slot) {
        const std::int64_t row = call.indices(2)[slot];
        if (row < 0 || row >= table_rows) continue;
        step.apply(width, call.output(0) + row * width, call.output(1) + row * width, call.input(1) + slot * width);
    }
}

KernelPlan slot_plan(const NodeTypes& node, TileFunction function) {
    const Shape& rows = node.inputs[1].shape;
    return {{{function, rows[0], std::max<std::int64_t>(kElementsPerTile / std::max<std::int64_t>(rows[1], 1), 1)}}, 0};
}

}  // namespace

void add_optimizers(KernelTable& table) {
    table.add_plan("adam", [](const NodeTypes& node) { return elementwise_plan(node, &adam_elements); });
    table.add_plan("adam_rows", [](const NodeTypes& node) { return slot_plan(node, &adam_slots); });
    table.add_plan("sgd_momentum", [](const NodeTypes& node) { return elementwise_plan(node, &sgd_elements); });
    table.add_plan("sgd_momentum_rows", [](const NodeTypes& node) { return slot_plan(node, &sgd_slots); });
}

}  // namespace HWY_NAMESPACE
}  // namespace tensile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tensile {
HWY_EXPORT(add_optimizers);
void add_optimizer_kernels(KernelTable& table) {
    HWY_DYNAMIC_DISPATCH(add_optimizers)(table);
}
}  // namespace tensile
#endif
