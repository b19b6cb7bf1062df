// See series_network.h.
#include "models/window_networks/series_network.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "graph/ops/add.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/dropout.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/matmul.h"
#include "graph/ops/multiply.h"
#include "graph/ops/pinball.h"
#include "graph/ops/slice_columns.h"
#include "graph/ops/subtract.h"
#include "graph/ops/sum_all.h"
#include "tensor/error.h"

namespace tensile {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kEpsilon = 1e-5;
constexpr double kEmbeddingDeviation = 0.1;
// Random streams of initial weights: this, and the number of the parameter.
constexpr std::uint64_t kWeightStream = std::uint64_t{2} << 32;

// f[B, 1] as a matrix of `columns` equal columns.
ValueId repeat_column(ProgramBuilder& builder, ValueId column, std::int64_t columns) {
    const std::vector<float> ones(static_cast<std::size_t>(columns), 1.0F);
    const ValueId row = builder.constant({DType::kF32, {1, columns}}, std::as_bytes(std::span(ones)));
    return ops::matmul(builder, column, row);
}

}  // namespace

nlohmann::ordered_json NetworkShape::to_json() const {
    Json json = {{"series", series},
                 {"look_back", look_back},
                 {"horizon", horizon},
                 {"covariates", covariates},
                 {"season", season},
                 {"masked", masked},
                 {"normalization", static_cast<int>(normalization)},
                 {"loss", static_cast<int>(loss)},
                 {"levels", levels},
                 {"seed", seed},
                 {"cycles", Json::array()}};
    for (const CalendarCycle& cycle : cycles)
        json["cycles"].push_back({{"kind", name_of(cycle.kind)}, {"slots", cycle.slots}});
    return json;
}

NetworkShape NetworkShape::from_json(const Json& json) {
    NetworkShape shape;
    shape.series = json.at("series").get<std::int64_t>();
    shape.look_back = json.at("look_back").get<std::int64_t>();
    shape.horizon = json.at("horizon").get<std::int64_t>();
    shape.covariates = json.at("covariates").get<std::int64_t>();
    shape.season = json.at("season").get<std::int64_t>();
    shape.masked = json.at("masked").get<bool>();
    shape.normalization = static_cast<WindowNormalization>(json.at("normalization").get<int>());
    shape.loss = static_cast<WindowLossKind>(json.at("loss").get<int>());
    shape.levels = json.at("levels").get<std::vector<double>>();
    shape.seed = json.at("seed").get<std::uint64_t>();
    for (const Json& cycle : json.at("cycles"))
        shape.cycles.push_back(
            {calendar_kind_named(cycle.at("kind").get<std::string>()), cycle.at("slots").get<std::int64_t>()});
    const bool sensible = shape.series > 0 && shape.look_back > 0 && shape.horizon > 0 && shape.covariates >= 0 &&
                          shape.season > 0 && shape.normalization <= WindowNormalization::kInstance &&
                          shape.loss <= WindowLossKind::kQuantile &&
                          shape.levels.empty() == (shape.loss != WindowLossKind::kQuantile);
    if (!sensible) throw Error(sqlstate::kDataCorrupted, "description of a forecasting network makes no sense");
    return shape;
}

SeriesNetwork::SeriesNetwork(const NetworkShape& shape, const WindowGeometry& geometry)
    : shape_(shape), geometry_(geometry) {
    targets_ = {{"target", DType::kF32, shape_.horizon}, {"target_present", DType::kF32, shape_.horizon}};
    contents_ = {{SeriesInputKind::kTarget}, {SeriesInputKind::kTargetPresent}};
    if (shape_.normalization != WindowNormalization::kNone) level_ = add_input({SeriesInputKind::kLevel}, "level", 1);
    if (shape_.normalization == WindowNormalization::kInstance)
        scale_ = add_input({SeriesInputKind::kScale}, "scale", 1);
}

std::size_t SeriesNetwork::add_input(SeriesInput content, std::string name, std::int64_t width) {
    const bool index = content.kind == SeriesInputKind::kSeries || content.kind == SeriesInputKind::kCalendar;
    const std::size_t position = inputs_.size();
    contents_.insert(contents_.begin() + static_cast<std::ptrdiff_t>(position), content);
    inputs_.push_back({std::move(name), index ? DType::kI32 : DType::kF32, width});
    return position;
}

void SeriesNetwork::add_parameter(std::string name, Shape shape, bool decays, Initializer initialize) {
    Parameter& added = parameters_.emplace_back();
    added.variable = {std::move(name), {DType::kF32, shape}, Recovery::kCheckpointed, true, std::move(initialize)};
    added.decays = decays;
}

void SeriesNetwork::add_linear(const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    const double deviation = 1 / std::sqrt(3 * static_cast<double>(inputs));
    add_parameter(name + "/weight", {inputs, outputs}, true,
                  normal_content(shape_.seed, kWeightStream + parameters_.size(), deviation));
    add_parameter(name + "/bias", {outputs}, false, constant_content(0));
}

void SeriesNetwork::add_layer_norm(const std::string& name, std::int64_t width) {
    add_parameter(name + "/gamma", {width}, false, constant_content(1));
    add_parameter(name + "/beta", {width}, false, constant_content(0));
}

void SeriesNetwork::add_embedding(const std::string& name, std::int64_t rows, std::int64_t width) {
    add_parameter(name, {rows, width}, false,
                  normal_content(shape_.seed, kWeightStream + parameters_.size(), kEmbeddingDeviation));
}

ValueId SeriesNetwork::parameter(ProgramBuilder& builder, std::string_view name) const {
    const auto found = std::ranges::find(parameters_, name, [](const Parameter& held) { return held.variable.name; });
    if (found == parameters_.end()) throw InternalError("network has no parameter \"" + std::string(name) + "\"");
    return builder.variable(found->variable.name, found->variable.type);
}

ValueId SeriesNetwork::linear(ProgramBuilder& builder, ValueId x, const std::string& name) const {
    return ops::bias_add(builder, ops::matmul(builder, x, parameter(builder, name + "/weight")),
                         parameter(builder, name + "/bias"));
}

ValueId SeriesNetwork::layer_norm(ProgramBuilder& builder, ValueId x, const std::string& name) const {
    return ops::layer_norm(builder, x, parameter(builder, name + "/gamma"), parameter(builder, name + "/beta"),
                           kEpsilon)
        .y;
}

ValueId SeriesNetwork::forward(ProgramBuilder& builder, std::span<const ValueId> inputs, ValueId random) const {
    ValueId y = body(builder, inputs, random);
    if (shape_.normalization == WindowNormalization::kInstance)
        y = ops::multiply(builder, y, repeat_column(builder, inputs[scale_], output_width()));
    if (shape_.normalization != WindowNormalization::kNone)
        y = ops::add(builder, y, repeat_column(builder, inputs[level_], output_width()));
    return y;
}

WindowLoss SeriesNetwork::loss(ProgramBuilder& builder, ValueId prediction, std::span<const ValueId>,
                               std::span<const ValueId> targets) const {
    if (shape_.loss == WindowLossKind::kSquared)
        return squared_window_loss(builder, prediction, targets[0], targets[1]);
    // The mean over the levels of their pinball losses; the absolute error is twice that of the median.
    const bool absolute = shape_.loss == WindowLossKind::kAbsolute;
    ValueId sum;
    for (std::int64_t i = 0; i < shape_.outputs(); ++i) {
        const ValueId one = shape_.outputs() == 1
                                ? prediction
                                : ops::slice_columns(builder, prediction, i * shape_.horizon, (i + 1) * shape_.horizon);
        const ValueId error = ops::subtract(builder, targets[0], one);
        const ValueId errors =
            ops::pinball(builder, error, absolute ? 0.5 : shape_.levels[static_cast<std::size_t>(i)]);
        sum = sum.valid() ? ops::add(builder, sum, errors) : errors;
    }
    const double factor = absolute ? 2 : 1 / static_cast<double>(shape_.outputs());
    const ValueId errors = ops::affine_constant(builder, ops::multiply(builder, sum, targets[1]), factor, 0);
    WindowLoss loss;
    loss.error_sum = ops::sum_all(builder, errors);
    loss.weight_sum = ops::sum_all(builder, targets[1]);
    loss.objective = mean_of_sums(builder, loss.error_sum, loss.weight_sum);
    return loss;
}

ValueId dropped_out(ProgramBuilder& builder, ValueId x, ValueId random, double rate, std::int64_t stream) {
    if (!random.valid() || rate == 0) return x;
    return ops::dropout(builder, x, random, rate, stream);
}

}  // namespace tensile
