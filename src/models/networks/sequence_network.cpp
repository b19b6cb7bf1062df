// See sequence_network.h.
#include "models/networks/sequence_network.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/bias_add.h"
#include "graph/ops/dropout.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/matmul.h"
#include "tensor/random.h"

namespace tensile {

namespace {

constexpr double kEpsilon = 1e-5;
constexpr double kEmbeddingDeviation = 0.02;

}  // namespace

TrainingNetworkBuilder::TrainingNetworkBuilder(std::string name, const OptimizerSettings& optimizer, std::uint64_t seed)
    : program_(std::move(name)), optimizer_(optimizer), seed_(seed) {}

TrainingNetworkBuilder::Initializer TrainingNetworkBuilder::constant(float value) {
    return [value](const TensorView& view, std::uint64_t, std::uint64_t) {
        std::fill_n(view.as<float>(), view.type.shape.elements(), value);
    };
}

TrainingNetworkBuilder::Initializer TrainingNetworkBuilder::normal(double deviation) {
    return [deviation](const TensorView& view, std::uint64_t seed, std::uint64_t stream) {
        for (std::int64_t i = 0; i < view.type.shape.elements(); ++i)
            view.as<float>()[i] =
                static_cast<float>(deviation * random_normal(seed, stream, static_cast<std::uint64_t>(i)));
    };
}

ValueId TrainingNetworkBuilder::parameter(const std::string& name, const Shape& shape, bool decays,
                                          Initializer initialize) {
    Parameter added;
    added.variable.name = name;
    added.variable.type = {DType::kF32, shape};
    added.variable.is_weight = true;
    added.variable.initialize = [initialize = std::move(initialize), seed = seed_, stream = parameters_.size()](
                                    const TensorView& view) { initialize(view, seed, stream); };
    added.decays = decays;
    const ValueId value = program_.variable(name, added.variable.type);
    parameters_.push_back(std::move(added));
    parameter_values_.push_back(value);
    return value;
}

ValueId TrainingNetworkBuilder::index_input(const std::string& name, const Shape& shape, std::int64_t bound) {
    index_inputs_.push_back({name, bound});
    return program_.input(name, {DType::kI32, shape});
}

ValueId TrainingNetworkBuilder::number_input(const std::string& name, const Shape& shape) {
    return program_.input(name, {DType::kF32, shape});
}

ValueId TrainingNetworkBuilder::linear(ValueId x, const std::string& name, std::int64_t outputs, double gain) {
    const std::int64_t inputs = program_.type(x).shape[1];
    const double deviation = std::sqrt(gain / static_cast<double>(inputs));
    const ValueId weight = parameter(name + "/weight", {inputs, outputs}, true, normal(deviation));
    const ValueId bias = parameter(name + "/bias", {outputs}, false, constant(0));
    return ops::bias_add(program_, ops::matmul(program_, x, weight), bias);
}

ValueId TrainingNetworkBuilder::layer_norm(ValueId x, const std::string& name) {
    const Shape row{program_.type(x).shape[1]};
    const ValueId gamma = parameter(name + "/gamma", row, false, constant(1));
    const ValueId beta = parameter(name + "/beta", row, false, constant(0));
    return ops::layer_norm(program_, x, gamma, beta, kEpsilon).y;
}

ValueId TrainingNetworkBuilder::dropout(ValueId x, double rate) {
    if (rate == 0) return x;
    if (!random_.valid()) random_ = program_.input("random", {DType::kI64, {2}});
    return ops::dropout(program_, x, random_, rate, dropouts_++);
}

ValueId TrainingNetworkBuilder::embedding(ValueId indices, const std::string& name, std::int64_t rows,
                                          std::int64_t width) {
    return ops::gather_rows(program_, parameter(name, {rows, width}, false, normal(kEmbeddingDeviation)), indices);
}

TrainingNetwork TrainingNetworkBuilder::finish(ValueId loss) {
    program_.output("loss", loss);
    const std::vector<Gradient> found = gradients(program_, {{loss}}, parameter_values_);
    OptimizerStep step;
    step.constant = step.decaying = program_.input("step", optimizer_.step_type());
    optimizer_.update(program_, parameters_, found, step);

    TrainingNetwork network;
    network.optimizer = optimizer_;
    for (const Parameter& trained : parameters_) {
        network.parameter_count += trained.variable.type.shape.elements();
        network.variables.push_back(trained.variable);
        for (Variable& state : optimizer_.state_of(trained))
            network.variables.push_back(std::move(state));
    }
    network.index_inputs = std::move(index_inputs_);
    network.program = program_.finish();
    return network;
}

}  // namespace tensile
