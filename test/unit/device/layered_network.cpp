#include "unit/device/layered_network.h"

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

namespace tensile::test {

namespace {

struct Forward {
    ValueId logits;
    std::vector<ValueId> parameters;
};

TensorType f32(const Shape& shape) {
    return {DType::kF32, shape};
}

Forward forward(ProgramBuilder& builder, const NetworkShape& shape, ValueId x, ValueId rng) {
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

}  // namespace

Program training_program(const NetworkShape& shape) {
    ProgramBuilder builder("train");
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("x", f32(Shape::bounded(shape.batch, batch, {shape.features})));
    const ValueId rng = builder.input("rng", {DType::kI64, {2}});
    const Forward network = forward(builder, shape, x, rng);
    std::vector<ValueId> losses;
    for (std::int64_t task = 0; task < shape.outputs; ++task) {
        const ValueId target = builder.input("target_" + std::to_string(task), f32(Shape::bounded(shape.batch, batch)));
        const ValueId weight = builder.input("weight_" + std::to_string(task), f32(Shape::bounded(shape.batch, batch)));
        const ValueId logit = ops::slice_columns(builder, network.logits, task, task + 1);
        losses.push_back(
            ops::masked_mean(builder, ops::binary_cross_entropy_loss(builder, logit, target, weight), weight));
    }
    const ValueId loss = ops::add_scalars(builder, losses);
    builder.output("loss", loss);

    const std::vector<Gradient> gradients_of = gradients(builder, {{loss}}, network.parameters);
    ops::AdamScalars scalars{builder.input("step", f32({ops::kAdamStepLength})), builder.input("one", f32({}))};
    if (shape.clip) {
        std::vector<ValueId> squares;
        for (const Gradient& gradient : gradients_of)
            squares.push_back(ops::sum_of_squares(builder, std::get<ValueId>(gradient)));
        scalars.gradient_scale =
            ops::clip_scale(builder, ops::add_scalars(builder, squares), builder.input("max_norm", f32({})));
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

Program prediction_program(const NetworkShape& shape) {
    ProgramBuilder builder("predict");
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("x", f32(Shape::bounded(shape.batch, batch, {shape.features})));
    NetworkShape without_batch = shape;
    without_batch.batch_norm = false;
    without_batch.dropout = 0;
    const Forward network = forward(builder, without_batch, x, {});
    builder.output("logits", network.logits);
    return builder.finish();
}

}  // namespace tensile::test
