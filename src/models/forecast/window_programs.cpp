// See window_programs.h.
#include "models/forecast/window_programs.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "graph/ops/add_scalars.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/copy.h"
#include "graph/ops/divide.h"
#include "graph/ops/multiply.h"
#include "graph/ops/square.h"
#include "graph/ops/subtract.h"
#include "graph/ops/sum_all.h"
#include "models/weight_layout.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Added to a count of present targets: the mean of none is 0, and any other count is as it was in f32.
constexpr double kNoTargets = 1e-30;

// The extent of the batch, or none for a network whose rows are static.
std::int16_t declare_extent(ProgramBuilder& builder, const WindowNetwork& network) {
    return network.needs_static_rows() ? Shape::kStatic : builder.extent("batch");
}

std::vector<ValueId> declare(ProgramBuilder& builder, std::span<const WindowInput> inputs, std::int64_t capacity,
                             std::int16_t extent) {
    std::vector<ValueId> values;
    for (const WindowInput& input : inputs) {
        Shape shape{capacity, input.width};
        shape.set_extent_slot(extent);
        values.push_back(builder.input(input.name, {input.dtype, shape}));
    }
    return values;
}

Variable best_of(const Variable& weight) {
    Variable copy = weight;
    copy.name += ".best";
    copy.is_weight = false;
    copy.initialize = [](const TensorView& view) { std::memset(view.data, 0, view.type.bytes()); };
    return copy;
}

}  // namespace

Program WindowProgramBuilder::training(std::int64_t capacity) const {
    ProgramBuilder builder("train");
    const std::int16_t extent = declare_extent(builder, network_);
    const std::vector<ValueId> inputs = declare(builder, network_.inputs(), capacity, extent);
    const std::vector<ValueId> targets = declare(builder, network_.targets(), capacity, extent);
    const ValueId random = builder.input("random", {DType::kI64, {2}});
    const WindowPass pass = network_.training_pass(builder, inputs, random);
    WindowLoss loss = network_.loss(builder, pass.prediction, inputs, targets);
    if (pass.penalty.valid()) loss.objective = ops::add_scalars(builder, {{loss.objective, pass.penalty}});
    builder.output("objective", loss.objective);
    builder.output("error_sum", loss.error_sum);
    builder.output("weight_sum", loss.weight_sum);

    std::vector<ValueId> parameters;
    for (const Parameter& parameter : network_.parameters())
        parameters.push_back(builder.variable(parameter.variable.name, parameter.variable.type));
    const std::vector<Gradient> found = gradients(builder, {{loss.objective}}, parameters);
    OptimizerStep step;
    step.constant = builder.input("step", optimizer_.step_type());
    step.decaying = optimizer_.has_decay() ? builder.input("decaying_step", optimizer_.step_type()) : step.constant;
    optimizer_.update(builder, network_.parameters(), found, step);
    return builder.finish();
}

Program WindowProgramBuilder::evaluation(std::int64_t capacity) const {
    ProgramBuilder builder("evaluate");
    const std::int16_t extent = declare_extent(builder, network_);
    const std::vector<ValueId> inputs = declare(builder, network_.inputs(), capacity, extent);
    const std::vector<ValueId> targets = declare(builder, network_.targets(), capacity, extent);
    const ValueId prediction = network_.forward(builder, inputs, {});
    const WindowLoss loss = network_.loss(builder, prediction, inputs, targets);
    builder.output("error_sum", loss.error_sum);
    builder.output("weight_sum", loss.weight_sum);
    builder.output("prediction", prediction);
    return builder.finish();
}

Program WindowProgramBuilder::copy_weights(const char* name, bool to_best) const {
    ProgramBuilder builder(name);
    for (const Parameter& parameter : network_.parameters()) {
        const ValueId current = builder.variable(parameter.variable.name, parameter.variable.type);
        const Variable held = best_of(parameter.variable);
        const ValueId best = builder.variable(held.name, held.type);
        if (to_best) {
            ops::copy(builder, best, current);
        } else {
            ops::copy(builder, current, best);
        }
    }
    return builder.finish();
}

std::vector<Variable> WindowProgramBuilder::optimizer_state() const {
    std::vector<Variable> variables;
    for (const Parameter& parameter : network_.parameters())
        for (Variable& state : optimizer_.state_of(parameter))
            variables.push_back(std::move(state));
    return variables;
}

std::vector<Variable> WindowProgramBuilder::best_weights() const {
    std::vector<Variable> variables;
    for (const Parameter& parameter : network_.parameters())
        variables.push_back(best_of(parameter.variable));
    return variables;
}

Program window_prediction_program(const WindowNetwork& network, std::int64_t capacity) {
    ProgramBuilder builder("predict");
    const std::int16_t extent = declare_extent(builder, network);
    const std::vector<ValueId> inputs = declare(builder, network.inputs(), capacity, extent);
    builder.output("prediction", network.forward(builder, inputs, {}));
    return builder.finish();
}

ValueId mean_of_sums(ProgramBuilder& builder, ValueId sum, ValueId count) {
    return ops::divide(builder, sum, ops::affine_constant(builder, count, 1, kNoTargets));
}

WindowLoss squared_window_loss(ProgramBuilder& builder, ValueId prediction, ValueId target, ValueId weight) {
    const ValueId errors = ops::square(builder, ops::subtract(builder, prediction, target));
    WindowLoss loss;
    loss.error_sum = ops::sum_all(builder, ops::multiply(builder, errors, weight));
    loss.weight_sum = ops::sum_all(builder, weight);
    loss.objective = mean_of_sums(builder, loss.error_sum, loss.weight_sum);
    return loss;
}

void start_from(std::span<Parameter> parameters, std::span<const std::byte> weights) {
    std::vector<Variable> variables;
    for (const Parameter& parameter : parameters)
        variables.push_back(parameter.variable);
    const WeightLayout layout = lay_out_weights(variables);
    if (weights.size() != layout.bytes)
        throw Error(sqlstate::kDataCorrupted, "stored weights do not fit the network",
                    "The network has " + std::to_string(layout.bytes) + " bytes of weights, the model " +
                        std::to_string(weights.size()) + ".");
    const auto held = std::make_shared<const std::vector<std::byte>>(weights.begin(), weights.end());
    for (std::size_t i = 0; i < parameters.size(); ++i)
        parameters[i].variable.initialize = [held, offset = layout.offsets[i]](const TensorView& view) {
            std::memcpy(view.data, held->data() + offset, view.type.bytes());
        };
}

}  // namespace tensile
