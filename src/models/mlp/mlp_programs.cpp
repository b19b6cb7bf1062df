// See mlp_programs.h.
#include "models/mlp/mlp_programs.h"

#include "graph/autodiff.h"
#include "graph/ops/add.h"
#include "graph/ops/binary_cross_entropy_loss.h"
#include "graph/ops/copy.h"
#include "graph/ops/huber_loss.h"
#include "graph/ops/scale.h"
#include "graph/ops/softmax_cross_entropy_loss.h"
#include "graph/ops/squared_error_loss.h"
#include "graph/ops/sum_all.h"

namespace tensile {

namespace {

// Of standardised numbers: errors beyond one deviation count linearly.
constexpr double kHuberDelta = 1;

// Inputs of a batch with their roles.
MlpInputs declare_batch(ProgramBuilder& builder, const MlpNetwork& network, std::int64_t capacity, std::int16_t batch,
                        std::vector<MlpInput>& roles) {
    MlpInputs inputs = network.declare_inputs(builder, capacity, batch);
    if (inputs.numbers.valid()) roles.push_back({MlpInputRole::kNumbers});
    for (std::size_t group = 0; group < inputs.codes.size(); ++group)
        roles.push_back({MlpInputRole::kCodes, group});
    return inputs;
}

void output_predictions(ProgramBuilder& builder, const MlpNetwork& network, const MlpInputs& inputs) {
    const std::vector<ValueId> logits = network.forward(builder, inputs);
    const std::vector<ValueId> predictions = network.predictions(builder, logits);
    for (std::size_t task = 0; task < predictions.size(); ++task)
        builder.output("prediction_" + std::to_string(task), predictions[task]);
}

Variable renamed(const Variable& variable, const char* suffix) {
    Variable copy = variable;
    copy.name += suffix;
    copy.is_weight = false;
    copy.initialize = [](const TensorView& view) { std::fill_n(view.as<float>(), view.type.shape.elements(), 0.0F); };
    return copy;
}

Variable gradient_sum_of(const Parameter& parameter) {
    return renamed(parameter.variable, ".gradient");
}

Variable best_of(const Variable& weight) {
    return renamed(weight, ".best");
}

}  // namespace

MlpProgramBuilder::MlpProgramBuilder(const MlpNetwork& network, const MlpOptions& options,
                                     std::span<const TargetEncoding> tasks)
    : network_(network), optimizer_(options.optimizer), huber_(options.huber) {
    for (const TargetEncoding& task : tasks)
        tasks_.push_back(task.kind());
}

// The mean over all present targets of the batch: also a slice divides by the weight of the whole batch.
std::vector<ValueId> MlpProgramBuilder::losses(ProgramBuilder& builder, std::span<const ValueId> logits,
                                               std::int64_t capacity, std::int16_t batch,
                                               std::vector<MlpInput>& inputs) const {
    std::vector<ValueId> losses;
    const Shape rows = Shape::bounded(capacity, batch);
    for (std::size_t task = 0; task < tasks_.size(); ++task) {
        const std::string suffix = "_" + std::to_string(task);
        const bool multiclass = tasks_[task] == TaskKind::kMulticlass;
        const ValueId target = builder.input("target" + suffix, {multiclass ? DType::kI32 : DType::kF32, rows});
        const ValueId weight = builder.input("row_weight" + suffix, {DType::kF32, rows});
        const ValueId inverse = builder.input("inverse_weight" + suffix, {DType::kF32, {}});
        inputs.push_back({MlpInputRole::kTarget, task});
        inputs.push_back({MlpInputRole::kRowWeight, task});
        inputs.push_back({MlpInputRole::kInverseWeight, task});

        ValueId of_rows;
        if (multiclass) {
            of_rows = ops::softmax_cross_entropy_loss(builder, logits[task], target, weight);
        } else if (tasks_[task] == TaskKind::kBinary) {
            of_rows = ops::binary_cross_entropy_loss(builder, logits[task], target, weight);
        } else if (huber_) {
            of_rows = ops::huber_loss(builder, logits[task], target, weight, kHuberDelta);
        } else {
            of_rows = ops::squared_error_loss(builder, logits[task], target, weight);
        }
        losses.push_back(ops::scale(builder, ops::sum_all(builder, of_rows), inverse));
        builder.output("loss" + suffix, losses.back());
    }
    return losses;
}

MlpProgram MlpProgramBuilder::training(std::int64_t capacity, MlpSlice slice) const {
    constexpr const char* kNames[] = {"train", "train_first_slice", "train_middle_slice", "train_last_slice"};
    MlpProgram result;
    result.capacity = capacity;
    ProgramBuilder builder(kNames[static_cast<std::size_t>(slice)]);
    const std::int16_t batch = builder.extent("batch");
    const MlpInputs inputs = declare_batch(builder, network_, capacity, batch, result.inputs);
    const ValueId random = builder.input("random", {DType::kI64, {2}});
    result.inputs.push_back({MlpInputRole::kRandom});

    const std::vector<ValueId> logits = network_.forward(builder, inputs, random);
    const std::vector<ValueId> task_losses = losses(builder, logits, capacity, batch, result.inputs);
    std::vector<ValueId> parameters;
    for (const Parameter& parameter : network_.parameters())
        parameters.push_back(builder.variable(parameter.variable.name, parameter.variable.type));
    std::vector<Gradient> found = gradients(builder, task_losses, parameters);

    if (slice != MlpSlice::kWhole) {
        for (std::size_t i = 0; i < found.size(); ++i) {
            const Variable sum = gradient_sum_of(network_.parameters()[i]);
            const ValueId so_far = builder.variable(sum.name, sum.type);
            ValueId gradient = densified(builder, found[i]);
            if (slice != MlpSlice::kFirst) gradient = ops::add(builder, so_far, gradient);
            found[i] = gradient;
            if (slice != MlpSlice::kLast) ops::copy(builder, so_far, gradient);
        }
    }
    if (slice == MlpSlice::kWhole || slice == MlpSlice::kLast) {
        OptimizerStep step;
        step.constant = builder.input("step", optimizer_.step_type());
        result.inputs.push_back({MlpInputRole::kConstantStep});
        step.decaying = step.constant;
        if (optimizer_.has_decay()) {
            step.decaying = builder.input("decaying_step", optimizer_.step_type());
            result.inputs.push_back({MlpInputRole::kDecayingStep});
        }
        optimizer_.update(builder, network_.parameters(), found, step);
    }
    result.program = builder.finish();
    return result;
}

MlpProgram MlpProgramBuilder::evaluation(std::int64_t capacity) const {
    MlpProgram result;
    result.capacity = capacity;
    ProgramBuilder builder("evaluate");
    const std::int16_t batch = builder.extent("batch");
    output_predictions(builder, network_, declare_batch(builder, network_, capacity, batch, result.inputs));
    result.program = builder.finish();
    return result;
}

MlpProgram MlpProgramBuilder::copy_weights(const std::string& name, bool to_best) const {
    MlpProgram result;
    ProgramBuilder builder(name);
    for (const Variable& weight : network_.weights()) {
        const ValueId current = builder.variable(weight.name, weight.type);
        const ValueId best = builder.variable(best_of(weight).name, weight.type);
        if (to_best) {
            ops::copy(builder, best, current);
        } else {
            ops::copy(builder, current, best);
        }
    }
    result.program = builder.finish();
    return result;
}

MlpProgram MlpProgramBuilder::keep_best() const {
    return copy_weights("keep_best", true);
}

MlpProgram MlpProgramBuilder::restore_best() const {
    return copy_weights("restore_best", false);
}

std::vector<Variable> MlpProgramBuilder::optimizer_state() const {
    std::vector<Variable> variables;
    for (const Parameter& parameter : network_.parameters())
        for (Variable& state : optimizer_.state_of(parameter))
            variables.push_back(std::move(state));
    return variables;
}

std::vector<Variable> MlpProgramBuilder::gradient_sums() const {
    std::vector<Variable> variables;
    for (const Parameter& parameter : network_.parameters())
        variables.push_back(gradient_sum_of(parameter));
    return variables;
}

std::vector<Variable> MlpProgramBuilder::best_weights() const {
    std::vector<Variable> variables;
    for (const Variable& weight : network_.weights())
        variables.push_back(best_of(weight));
    return variables;
}

Program mlp_prediction_program(const MlpNetwork& network, std::int64_t capacity) {
    ProgramBuilder builder("predict");
    const std::int16_t batch = builder.extent("batch");
    output_predictions(builder, network, network.declare_inputs(builder, capacity, batch));
    return builder.finish();
}

}  // namespace tensile
