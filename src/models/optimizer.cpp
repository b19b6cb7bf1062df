// See optimizer.h.
#include "models/optimizer.h"

#include <cmath>
#include <cstring>

#include "graph/ops/adam.h"
#include "graph/ops/adam_rows.h"
#include "graph/ops/add_scalars.h"
#include "graph/ops/clip_scale.h"
#include "graph/ops/densify_rows.h"
#include "graph/ops/merge_rows.h"
#include "graph/ops/sgd_momentum.h"
#include "graph/ops/sgd_momentum_rows.h"
#include "graph/ops/sum_of_squares.h"

namespace tensile {

namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

void write_zeros(const TensorView& view) {
    std::memset(view.data, 0, view.type.bytes());
}

// Small tables become dense: a lookup of more slots than the table has rows is likely to touch most of them. Greater
// ones stay row-sparse, with unique rows.
Gradient prepared(ProgramBuilder& builder, const Gradient& gradient) {
    const auto* sparse = std::get_if<SparseRows>(&gradient);
    if (sparse == nullptr) return gradient;
    if (sparse->table_rows <= builder.type(sparse->indices).shape.rows()) return ops::densify_rows(builder, *sparse);
    return ops::merge_rows(builder, *sparse);
}

}  // namespace

ValueId densified(ProgramBuilder& builder, const Gradient& gradient) {
    const auto* sparse = std::get_if<SparseRows>(&gradient);
    return sparse != nullptr ? ops::densify_rows(builder, *sparse) : std::get<ValueId>(gradient);
}

std::vector<Variable> Optimizer::state_of(const Parameter& parameter) const {
    const auto state = [&](const char* suffix) {
        Variable variable;
        variable.name = parameter.variable.name + suffix;
        variable.type = parameter.variable.type;
        variable.initialize = write_zeros;
        return variable;
    };
    if (settings_.kind == OptimizerKind::kSgd) return {state(".velocity")};
    return {state(".first_moment"), state(".second_moment")};
}

TensorType Optimizer::step_type() const {
    if (settings_.kind == OptimizerKind::kSgd) return {DType::kF32, {}};
    return {DType::kF32, {ops::kAdamStepLength}};
}

void Optimizer::write_step(float* out, double learning_rate, std::int64_t step, bool decaying) const {
    if (settings_.kind == OptimizerKind::kSgd) {
        out[0] = static_cast<float>(learning_rate);
        return;
    }
    const auto count = static_cast<double>(step + 1);
    out[ops::kAdamLearningRate] = static_cast<float>(learning_rate);
    out[ops::kAdamBeta1] = static_cast<float>(kBeta1);
    out[ops::kAdamBeta2] = static_cast<float>(kBeta2);
    out[ops::kAdamEpsilon] = static_cast<float>(kEpsilon);
    out[ops::kAdamWeightDecay] = decaying ? static_cast<float>(settings_.weight_decay) : 0.0F;
    out[ops::kAdamCorrection1] = static_cast<float>(1 - std::pow(kBeta1, count));
    out[ops::kAdamCorrection2] = static_cast<float>(1 - std::pow(kBeta2, count));
}

void Optimizer::update(ProgramBuilder& builder, std::span<const Parameter> parameters,
                       std::span<const Gradient> gradients, const OptimizerStep& step) const {
    std::vector<Gradient> ready;
    for (const Gradient& gradient : gradients)
        ready.push_back(prepared(builder, gradient));

    ValueId gradient_scale = builder.constant_scalar(1.0F);
    if (settings_.clip_norm > 0) {
        std::vector<ValueId> squares;
        for (const Gradient& gradient : ready) {
            const auto* sparse = std::get_if<SparseRows>(&gradient);
            if (std::holds_alternative<std::monostate>(gradient)) continue;
            squares.push_back(
                ops::sum_of_squares(builder, sparse != nullptr ? sparse->rows : std::get<ValueId>(gradient)));
        }
        const ValueId limit = builder.constant_scalar(static_cast<float>(settings_.clip_norm));
        gradient_scale = ops::clip_scale(builder, ops::add_scalars(builder, squares), limit);
    }

    for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (std::holds_alternative<std::monostate>(ready[i])) continue;
        const Variable& variable = parameters[i].variable;
        const ValueId parameter = builder.variable(variable.name, variable.type);
        std::vector<ValueId> state;
        for (const Variable& held : state_of(parameters[i]))
            state.push_back(builder.variable(held.name, held.type));
        const auto* sparse = std::get_if<SparseRows>(&ready[i]);
        const ValueId scalars = parameters[i].decays ? step.decaying : step.constant;
        if (settings_.kind == OptimizerKind::kSgd) {
            const double decay = parameters[i].decays ? settings_.weight_decay : 0;
            const ops::SgdScalars sgd{scalars, builder.constant_scalar(static_cast<float>(settings_.momentum)),
                                      builder.constant_scalar(static_cast<float>(decay)), gradient_scale};
            if (sparse != nullptr) {
                ops::sgd_momentum_rows(builder, {parameter, state[0]}, *sparse, sgd);
            } else {
                ops::sgd_momentum(builder, {parameter, state[0]}, std::get<ValueId>(ready[i]), sgd);
            }
            continue;
        }
        const bool decoupled = settings_.kind == OptimizerKind::kAdamW;
        const ops::AdamScalars adam{scalars, gradient_scale};
        if (sparse != nullptr) {
            ops::adam_rows(builder, {parameter, state[0], state[1]}, *sparse, adam, decoupled);
        } else {
            ops::adam(builder, {parameter, state[0], state[1]}, std::get<ValueId>(ready[i]), adam, decoupled);
        }
    }
}

}  // namespace tensile
