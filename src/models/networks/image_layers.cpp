// See image_layers.h.
#include "models/networks/image_layers.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <utility>

#include "graph/autodiff.h"
#include "graph/ops/add.h"
#include "graph/ops/average_pool_2d.h"
#include "graph/ops/batch_moments.h"
#include "graph/ops/batch_normalize.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/concat_columns.h"
#include "graph/ops/convolution_2d.h"
#include "graph/ops/dropout.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/matmul.h"
#include "graph/ops/max_pool_2d.h"
#include "graph/ops/moving_average_update.h"
#include "graph/ops/relu.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax_cross_entropy_loss.h"
#include "models/initializers.h"

namespace tensile {

namespace {

constexpr std::int64_t kColors = 3;
constexpr double kRunningMomentum = 0.9;
// Random streams of initial weights: this, and the number of the parameter.
constexpr std::uint64_t kWeightStream = std::uint64_t{2} << 32;
// Layers before a relu keep the variance of what they pass on with twice the weight variance of others (He et al.,
// arXiv 1502.01852).
constexpr double kReluGain = 2;

}  // namespace

std::int64_t ImageNetworkTraining::parameter_count() const {
    std::int64_t count = 0;
    for (const Parameter& parameter : parameters)
        count += parameter.variable.type.shape.elements();
    return count;
}

ConvolutionLayer square_convolution(std::int64_t kernels, std::int64_t kernel, std::int64_t stride,
                                    std::int64_t padding) {
    return {kernels, {kernel, kernel}, stride, {padding, padding}};
}

ConvolutionLayer same_convolution(std::int64_t kernels, const ops::MapSize& kernel) {
    return {kernels, kernel, 1, {kernel.height / 2, kernel.width / 2}};
}

ImageLayers::ImageLayers(std::string name, const ImageNetworkShape& shape, double epsilon)
    : shape_(shape), epsilon_(epsilon), builder_(std::move(name)) {
    images_ = builder_.input("images", {DType::kF32, {shape.images * shape.pixels * shape.pixels, kColors}});
}

FeatureMaps ImageLayers::images() const {
    return {images_, {shape_.pixels, shape_.pixels}, kColors};
}

std::int64_t ImageLayers::scaled(std::int64_t channels) const {
    return std::max<std::int64_t>(std::llround(static_cast<double>(channels) * shape_.width), 1);
}

FeatureMaps ImageLayers::convolution(const FeatureMaps& x, const ConvolutionLayer& layer) {
    const ops::Window over = window(x, layer.kernel, layer.stride, layer.padding);
    const ValueId weights = weight_matrix(next_name("convolution"), over.taps() * x.channels, layer.kernels, kReluGain);
    const bool plain = over.taps() == 1 && over.stride == 1 && over.output() == x.size;
    const ValueId y =
        plain ? ops::matmul(builder_, x.value, weights) : ops::convolution_2d(builder_, x.value, weights, over);
    return {y, over.output(), layer.kernels};
}

FeatureMaps ImageLayers::bias(const FeatureMaps& x) {
    const ValueId value = parameter(next_name("bias"), {x.channels}, false, constant_content(0));
    return {ops::bias_add(builder_, x.value, value), x.size, x.channels};
}

FeatureMaps ImageLayers::batch_normalization(const FeatureMaps& x, double gamma_value) {
    const std::string name = next_name("normalization");
    const ValueId gamma =
        parameter(name + "/gamma", {x.channels}, false, constant_content(static_cast<float>(gamma_value)));
    const ValueId beta = parameter(name + "/beta", {x.channels}, false, constant_content(0));
    const ops::BatchMoments moments = ops::batch_moments(builder_, x.value);
    ops::moving_average_update(builder_, statistic(name + "/running_mean", x.channels, 0), moments.mean,
                               kRunningMomentum);
    ops::moving_average_update(builder_, statistic(name + "/running_variance", x.channels, 1), moments.variance,
                               kRunningMomentum);
    return {ops::batch_normalize(builder_, x.value, moments.mean, moments.variance, gamma, beta, epsilon_), x.size,
            x.channels};
}

FeatureMaps ImageLayers::relu(const FeatureMaps& x) {
    return {ops::relu(builder_, x.value), x.size, x.channels};
}

FeatureMaps ImageLayers::normalized_convolution(const FeatureMaps& x, const ConvolutionLayer& layer) {
    return relu(batch_normalization(convolution(x, layer)));
}

FeatureMaps ImageLayers::max_pool(const FeatureMaps& x, std::int64_t kernel, std::int64_t stride,
                                  std::int64_t padding) {
    const ops::Window over = window(x, {kernel, kernel}, stride, {padding, padding});
    return {ops::max_pool_2d(builder_, x.value, over), over.output(), x.channels};
}

FeatureMaps ImageLayers::average_pool(const FeatureMaps& x, std::int64_t kernel, std::int64_t stride,
                                      std::int64_t padding) {
    const ops::Window over = window(x, {kernel, kernel}, stride, {padding, padding});
    return {ops::average_pool_2d(builder_, x.value, over), over.output(), x.channels};
}

FeatureMaps ImageLayers::global_average_pool(const FeatureMaps& x) {
    const ops::Window over = window(x, x.size, 1, {0, 0});
    return {ops::average_pool_2d(builder_, x.value, over), over.output(), x.channels};
}

FeatureMaps ImageLayers::add(const FeatureMaps& x, const FeatureMaps& y) {
    return {ops::add(builder_, x.value, y.value), x.size, x.channels};
}

FeatureMaps ImageLayers::concatenate(const std::vector<FeatureMaps>& parts) {
    FeatureMaps result = parts.front();
    std::vector<ValueId> values;
    result.channels = 0;
    for (const FeatureMaps& part : parts) {
        values.push_back(part.value);
        result.channels += part.channels;
    }
    result.value = ops::concat_columns(builder_, values);
    return result;
}

FeatureMaps ImageLayers::flatten(const FeatureMaps& x) {
    const std::int64_t channels = x.size.pixels() * x.channels;
    return {ops::reshape(builder_, x.value, channels), {1, 1}, channels};
}

FeatureMaps ImageLayers::dropout(const FeatureMaps& x, double rate) {
    if (!random_.valid()) random_ = builder_.input("random", {DType::kI64, {2}});
    return {ops::dropout(builder_, x.value, random_, rate, dropouts_++), x.size, x.channels};
}

FeatureMaps ImageLayers::dense(const FeatureMaps& x, std::int64_t outputs) {
    const ValueId weights = weight_matrix(next_name("dense"), x.channels, outputs, kReluGain);
    return bias({ops::matmul(builder_, x.value, weights), x.size, outputs});
}

ImageNetworkTraining ImageLayers::train(const FeatureMaps& features, const OptimizerSettings& settings) {
    const ValueId weights = weight_matrix("classes", features.channels, shape_.classes, 1);
    const FeatureMaps logits = bias({ops::matmul(builder_, features.value, weights), features.size, shape_.classes});

    const Shape rows{shape_.images};
    const ValueId labels = builder_.input("labels", {DType::kI32, rows});
    const std::vector<float> ones(static_cast<std::size_t>(shape_.images), 1.0F);
    const ValueId present = builder_.constant({DType::kF32, rows}, std::as_bytes(std::span(ones)));
    const ValueId loss =
        ops::masked_mean(builder_, ops::softmax_cross_entropy_loss(builder_, logits.value, labels, present), present);
    builder_.output("loss", loss);

    std::vector<ValueId> values;
    for (const Parameter& each : parameters_)
        values.push_back(builder_.variable(each.variable.name, each.variable.type));
    const std::vector<Gradient> found = gradients(builder_, {{loss}}, values);
    const Optimizer optimizer(settings);
    OptimizerStep step;
    step.constant = builder_.input("step", optimizer.step_type());
    step.decaying = optimizer.has_decay() ? builder_.input("decaying_step", optimizer.step_type()) : step.constant;
    optimizer.update(builder_, parameters_, found, step);

    ImageNetworkTraining result;
    result.program = builder_.finish();
    for (const Parameter& each : parameters_) {
        result.variables.push_back(each.variable);
        std::ranges::move(optimizer.state_of(each), std::back_inserter(result.variables));
    }
    std::ranges::move(statistics_, std::back_inserter(result.variables));
    result.parameters = std::move(parameters_);
    return result;
}

ValueId ImageLayers::parameter(const std::string& name, const Shape& shape, bool decays, Initializer initialize) {
    Parameter& added = parameters_.emplace_back();
    added.variable = {name, {DType::kF32, shape}, Recovery::kCheckpointed, true, std::move(initialize)};
    added.decays = decays;
    return builder_.variable(name, added.variable.type);
}

ValueId ImageLayers::statistic(const std::string& name, std::int64_t channels, float value) {
    const TensorType type{DType::kF32, {channels}};
    statistics_.push_back({name, type, Recovery::kCheckpointed, true, constant_content(value)});
    return builder_.variable(name, type);
}

ValueId ImageLayers::weight_matrix(const std::string& name, std::int64_t rows, std::int64_t columns, double gain) {
    const double deviation = std::sqrt(gain / static_cast<double>(rows));
    return parameter(name + "/weight", {rows, columns}, true,
                     normal_content(shape_.seed, kWeightStream + parameters_.size(), deviation));
}

std::string ImageLayers::next_name(const char* kind) {
    return std::string(kind) + "_" + std::to_string(layers_++);
}

ops::Window ImageLayers::window(const FeatureMaps& x, const ops::MapSize& kernel, std::int64_t stride,
                                const ops::MapSize& padding) const {
    return {x.size.height, x.size.width, kernel.height, kernel.width, stride, padding.height, padding.width};
}

}  // namespace tensile
