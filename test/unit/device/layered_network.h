// A network of three layers with its whole training step as one program: logits of binary tasks, masked losses,
// gradients, clipping, Adam. Used by tests and by the kernel benchmark; header-only. Also deterministic content for its
// inputs and variables.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/autodiff.h"
#include "graph/ops/adam.h"
#include "graph/ops/add_scalars.h"
#include "graph/ops/batch_moments.h"
#include "graph/ops/batch_normalize.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/binary_cross_entropy_loss.h"
#include "graph/ops/clip_scale.h"
#include "graph/ops/dropout.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/matmul.h"
#include "graph/ops/relu.h"
#include "graph/ops/slice_columns.h"
#include "graph/ops/sum_of_squares.h"
#include "graph/program.h"
#include "tensor/random.h"

namespace tensile::test {

struct NetworkShape {
    std::int64_t batch = 256;
    std::int64_t features = 64;
    std::int64_t hidden = 64;
    std::int64_t outputs = 2;
    bool batch_norm = false;
    bool layer_norm = false;
    bool clip = false;
    double dropout = 0;
};

namespace layered_network {

// Results of the forward pass.
struct Forward {
    ValueId logits;
    std::vector<ValueId> parameters;
};

inline TensorType f32(const Shape& shape) {
    return {DType::kF32, shape};
}

inline Forward forward(ProgramBuilder& builder, const NetworkShape& shape, ValueId x, ValueId rng) {
    Forward result;
    const auto parameter = [&](const std::string& name, const Shape& dims) {
        result.parameters.push_back(builder.variable(name, f32(dims)));
        return result.parameters.back();
    };
    const std::int64_t widths[] = {shape.features, shape.hidden, shape.hidden, shape.outputs};
    for (std::int64_t layer = 0; layer < 3; ++layer) {
        const std::string name = "layer_" + std::to_string(layer);
        x = ops::matmul(builder, x, parameter(name + "/weight", {widths[layer], widths[layer + 1]}));
        x = ops::bias_add(builder, x, parameter(name + "/bias", {widths[layer + 1]}));
        if (layer == 2) break;
        const Shape row{widths[layer + 1]};
        if (shape.batch_norm) {
            const ops::BatchMoments moments = ops::batch_moments(builder, x);
            x = ops::batch_normalize(builder, x, moments.mean, moments.variance, parameter(name + "/gamma", row),
                                     parameter(name + "/beta", row), 1e-5);
        }
        if (shape.layer_norm)
            x = ops::layer_norm(builder, x, parameter(name + "/scale", row), parameter(name + "/shift", row), 1e-5).y;
        x = ops::relu(builder, x);
        if (shape.dropout > 0) x = ops::dropout(builder, x, rng, shape.dropout, layer);
    }
    result.logits = x;
    return result;
}

}  // namespace layered_network

// Inputs "x", "target_0", "weight_0", ..., "step", "one", "rng", "max_norm"; output "loss".
inline Program training_program(const NetworkShape& shape) {
    ProgramBuilder builder("train");
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("x", layered_network::f32(Shape::bounded(shape.batch, batch, {shape.features})));
    const ValueId rng = builder.input("rng", {DType::kI64, {2}});
    const layered_network::Forward network = layered_network::forward(builder, shape, x, rng);
    std::vector<ValueId> losses;
    for (std::int64_t task = 0; task < shape.outputs; ++task) {
        const ValueId target =
            builder.input("target_" + std::to_string(task), layered_network::f32(Shape::bounded(shape.batch, batch)));
        const ValueId weight =
            builder.input("weight_" + std::to_string(task), layered_network::f32(Shape::bounded(shape.batch, batch)));
        const ValueId logit = ops::slice_columns(builder, network.logits, task, task + 1);
        losses.push_back(
            ops::masked_mean(builder, ops::binary_cross_entropy_loss(builder, logit, target, weight), weight));
    }
    const ValueId loss = ops::add_scalars(builder, losses);
    builder.output("loss", loss);

    const std::vector<Gradient> gradients_of = gradients(builder, {{loss}}, network.parameters);
    ops::AdamScalars scalars{builder.input("step", layered_network::f32({ops::kAdamStepLength})),
                             builder.input("one", layered_network::f32({}))};
    if (shape.clip) {
        std::vector<ValueId> squares;
        for (const Gradient& gradient : gradients_of)
            squares.push_back(ops::sum_of_squares(builder, std::get<ValueId>(gradient)));
        scalars.gradient_scale = ops::clip_scale(builder, ops::add_scalars(builder, squares),
                                                 builder.input("max_norm", layered_network::f32({})));
    }
    for (std::size_t i = 0; i < network.parameters.size(); ++i) {
        const Value& parameter = builder.value(network.parameters[i]);
        const TensorType type = parameter.type;
        const std::string name = parameter.name;
        const ValueId first = builder.variable(name + "/first", type);
        const ValueId second = builder.variable(name + "/second", type);
        ops::adam(builder, {network.parameters[i], first, second}, std::get<ValueId>(gradients_of[i]), scalars, false);
    }
    return builder.finish();
}

// Input "x"; output "logits". Same variables.
inline Program prediction_program(const NetworkShape& shape) {
    ProgramBuilder builder("predict");
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("x", layered_network::f32(Shape::bounded(shape.batch, batch, {shape.features})));
    NetworkShape without_batch = shape;
    without_batch.batch_norm = false;
    without_batch.dropout = 0;
    const layered_network::Forward network = layered_network::forward(builder, without_batch, x, {});
    builder.output("logits", network.logits);
    return builder.finish();
}

// Fills one input or variable by its name; rows at or beyond `extent` of bounded tensors become zero.
template <typename View>
void fill_network_tensor(const std::string& name, const View& view, std::int64_t extent) {
    const Shape& shape = view.type.shape;
    if (name == "rng") {
        view.template as<std::int64_t>()[0] = 7;
        view.template as<std::int64_t>()[1] = 3;
        return;
    }
    float* values = view.template as<float>();
    if (name == "step") {
        const float step[] = {0.01F, 0.9F, 0.999F, 1e-8F, 0.001F, 0.1F, 0.001F};
        std::copy(std::begin(step), std::end(step), values);
        return;
    }
    const auto ends_with = [&](std::string_view suffix) { return name.ends_with(suffix); };
    const std::int64_t present = shape.is_bounded() ? extent * shape.row_width() : shape.elements();
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
        const double uniform = random_uniform(std::hash<std::string>()(name), 1, static_cast<std::uint64_t>(i));
        double value = 2 * uniform - 1;
        if (name == "one" || name == "max_norm" || ends_with("/gamma") || ends_with("/scale")) value = 1;
        if (ends_with("/weight")) value *= std::sqrt(3.0 / static_cast<double>(shape.rows()));
        if (ends_with("/first") || ends_with("/second")) value = 0;
        if (name.starts_with("target_")) value = uniform < 0.4 ? 1 : 0;
        if (name.starts_with("weight_")) value = uniform < 0.9 ? 1 : 0;
        values[i] = i < present ? static_cast<float>(value) : 0.0F;
    }
}

}  // namespace tensile::test
