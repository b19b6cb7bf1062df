// See mlp_network.h.
#include "models/mlp/mlp_network.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/ops/batch_moments.h"
#include "graph/ops/batch_normalize.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/concat_columns.h"
#include "graph/ops/dropout.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/gelu.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/matmul.h"
#include "graph/ops/moving_average_update.h"
#include "graph/ops/relu.h"
#include "graph/ops/sigmoid.h"
#include "graph/ops/silu.h"
#include "graph/ops/slice_columns.h"
#include "graph/ops/softmax.h"
#include "graph/ops/tanh.h"
#include "models/initializers.h"

namespace tensile {

namespace {

constexpr double kEpsilon = 1e-5;
constexpr double kRunningMomentum = 0.95;
constexpr double kEmbeddingDeviation = 0.1;
// Random streams of initial weights: this, and the number of the parameter.
constexpr std::uint64_t kWeightStream = std::uint64_t{2} << 32;

// Log odds, or logarithms, of how often each class occurs, so that training starts from the base rates.
std::vector<float> starting_logits(std::span<const TargetEncoding> tasks) {
    std::vector<float> logits;
    for (const TargetEncoding& task : tasks) {
        if (task.kind() == TaskKind::kRegression) {
            logits.push_back(0);
            continue;
        }
        std::vector<double> logarithms;
        for (std::int64_t count : task.class_counts())
            logarithms.push_back(std::log(static_cast<double>(count) + 1));
        if (task.kind() == TaskKind::kBinary) {
            logits.push_back(static_cast<float>(logarithms[1] - logarithms[0]));
            continue;
        }
        double mean = 0;
        for (double logarithm : logarithms)
            mean += logarithm / static_cast<double>(logarithms.size());
        for (double logarithm : logarithms)
            logits.push_back(static_cast<float>(logarithm - mean));
    }
    return logits;
}

}  // namespace

MlpNetwork::MlpNetwork(const TableEncoding& table, std::span<const TargetEncoding> tasks, const MlpOptions& options)
    : activation_(options.activation),
      normalization_(options.normalization),
      dropout_(options.dropout),
      number_width_(table.number_width()),
      groups_(table.groups().begin(), table.groups().end()) {
    const auto next_stream = [&] { return kWeightStream + parameters_.size(); };
    std::int64_t width = number_width_;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
        declare_parameter("embedding_" + std::to_string(i) + "/table", {groups_[i].table_rows, groups_[i].width}, false,
                          normal_content(options.seed, next_stream(), kEmbeddingDeviation));
        width += groups_[i].columns * groups_[i].width;
    }
    for (std::size_t i = 0; i < options.hidden.size(); ++i) {
        const Layer layer{"layer_" + std::to_string(i), width, options.hidden[i]};
        const double gain = activation_ == Activation::kTanh ? 1 : 2;
        declare_parameter(
            layer.name + "/weight", {layer.inputs, layer.outputs}, true,
            normal_content(options.seed, next_stream(), std::sqrt(gain / static_cast<double>(layer.inputs))));
        // Batch normalization takes the mean away, and with it any bias.
        if (normalization_ != Normalization::kBatch)
            declare_parameter(layer.name + "/bias", {layer.outputs}, false, constant_content(0));
        if (normalization_ != Normalization::kNone) {
            declare_parameter(layer.name + "/gamma", {layer.outputs}, false, constant_content(1));
            declare_parameter(layer.name + "/beta", {layer.outputs}, false, constant_content(0));
        }
        if (normalization_ == Normalization::kBatch) {
            const TensorType type{DType::kF32, {layer.outputs}};
            statistics_.push_back(
                {layer.name + "/running_mean", type, Recovery::kCheckpointed, true, constant_content(0)});
            statistics_.push_back(
                {layer.name + "/running_variance", type, Recovery::kCheckpointed, true, constant_content(1)});
        }
        width = layer.outputs;
        layers_.push_back(layer);
    }
    head_ = {"head", width, 0};
    for (const TargetEncoding& task : tasks) {
        task_kinds_.push_back(task.kind());
        task_outputs_.push_back(task.outputs());
        head_.outputs += task.outputs();
    }
    declare_parameter("head/weight", {head_.inputs, head_.outputs}, true,
                      normal_content(options.seed, next_stream(), std::sqrt(1 / static_cast<double>(head_.inputs))));
    declare_parameter("head/bias", {head_.outputs}, false, [logits = starting_logits(tasks)](const TensorView& view) {
        std::ranges::copy(logits, view.as<float>());
    });
}

void MlpNetwork::declare_parameter(std::string name, Shape shape, bool decays,
                                   std::function<void(const TensorView&)> initialize) {
    Parameter& parameter = parameters_.emplace_back();
    parameter.variable = {std::move(name), {DType::kF32, shape}, Recovery::kCheckpointed, true, std::move(initialize)};
    parameter.decays = decays;
}

std::vector<Variable> MlpNetwork::weights() const {
    std::vector<Variable> weights;
    for (const Parameter& parameter : parameters_)
        weights.push_back(parameter.variable);
    weights.insert(weights.end(), statistics_.begin(), statistics_.end());
    return weights;
}

ValueId MlpNetwork::parameter(ProgramBuilder& builder, const std::string& name) const {
    const auto found = std::ranges::find(parameters_, name, [](const Parameter& held) { return held.variable.name; });
    return builder.variable(name, found->variable.type);
}

ValueId MlpNetwork::statistic(ProgramBuilder& builder, const std::string& name) const {
    return builder.variable(name, std::ranges::find(statistics_, name, &Variable::name)->type);
}

MlpInputs MlpNetwork::declare_inputs(ProgramBuilder& builder, std::int64_t capacity, std::int16_t batch) const {
    MlpInputs inputs;
    if (number_width_ > 0)
        inputs.numbers = builder.input("numbers", {DType::kF32, Shape::bounded(capacity, batch, {number_width_})});
    for (std::size_t i = 0; i < groups_.size(); ++i)
        inputs.codes.push_back(builder.input("codes_" + std::to_string(i),
                                             {DType::kI32, Shape::bounded(capacity, batch, {groups_[i].columns})}));
    return inputs;
}

std::vector<ValueId> MlpNetwork::forward(ProgramBuilder& builder, const MlpInputs& inputs, ValueId random) const {
    const bool training = random.valid();
    std::vector<ValueId> parts;
    if (inputs.numbers.valid()) parts.push_back(inputs.numbers);
    for (std::size_t i = 0; i < groups_.size(); ++i)
        parts.push_back(ops::gather_rows(builder, parameter(builder, "embedding_" + std::to_string(i) + "/table"),
                                         inputs.codes[i]));
    ValueId x = parts.size() == 1 ? parts[0] : ops::concat_columns(builder, parts);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const Layer& layer = layers_[i];
        x = ops::matmul(builder, x, parameter(builder, layer.name + "/weight"));
        if (normalization_ != Normalization::kBatch)
            x = ops::bias_add(builder, x, parameter(builder, layer.name + "/bias"));
        x = activate(builder, normalize(builder, layer, x, training));
        if (training && dropout_ > 0) x = ops::dropout(builder, x, random, dropout_, static_cast<std::int64_t>(i));
    }
    x = ops::matmul(builder, x, parameter(builder, "head/weight"));
    x = ops::bias_add(builder, x, parameter(builder, "head/bias"));

    std::vector<ValueId> logits;
    std::int64_t first = 0;
    for (std::int64_t outputs : task_outputs_) {
        logits.push_back(outputs == head_.outputs ? x : ops::slice_columns(builder, x, first, first + outputs));
        first += outputs;
    }
    return logits;
}

ValueId MlpNetwork::normalize(ProgramBuilder& builder, const Layer& layer, ValueId x, bool training) const {
    if (normalization_ == Normalization::kNone) return x;
    const ValueId gamma = parameter(builder, layer.name + "/gamma");
    const ValueId beta = parameter(builder, layer.name + "/beta");
    if (normalization_ == Normalization::kLayer) return ops::layer_norm(builder, x, gamma, beta, kEpsilon).y;
    const ValueId running_mean = statistic(builder, layer.name + "/running_mean");
    const ValueId running_variance = statistic(builder, layer.name + "/running_variance");
    if (!training) return ops::batch_normalize(builder, x, running_mean, running_variance, gamma, beta, kEpsilon);
    const ops::BatchMoments moments = ops::batch_moments(builder, x);
    ops::moving_average_update(builder, running_mean, moments.mean, kRunningMomentum);
    ops::moving_average_update(builder, running_variance, moments.variance, kRunningMomentum);
    return ops::batch_normalize(builder, x, moments.mean, moments.variance, gamma, beta, kEpsilon);
}

ValueId MlpNetwork::activate(ProgramBuilder& builder, ValueId x) const {
    switch (activation_) {
    case Activation::kRelu:
        return ops::relu(builder, x);
    case Activation::kGelu:
        return ops::gelu(builder, x);
    case Activation::kSilu:
        return ops::silu(builder, x);
    case Activation::kTanh:
        return ops::tanh(builder, x);
    }
    throw InternalError("unknown activation");
}

std::vector<ValueId> MlpNetwork::predictions(ProgramBuilder& builder, std::span<const ValueId> logits) const {
    std::vector<ValueId> predictions;
    for (std::size_t task = 0; task < logits.size(); ++task) {
        switch (task_kinds_[task]) {
        case TaskKind::kRegression:
            predictions.push_back(logits[task]);
            break;
        case TaskKind::kBinary:
            predictions.push_back(ops::sigmoid(builder, logits[task]));
            break;
        case TaskKind::kMulticlass:
            predictions.push_back(ops::softmax(builder, logits[task]));
            break;
        }
    }
    return predictions;
}

}  // namespace tensile
