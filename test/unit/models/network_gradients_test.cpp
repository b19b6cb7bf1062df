// The loss of each window network has the gradients that finite differences give, in double by the reference kernels,
// whatever the loss, the normalization and the missing cells; and what a network is fed holds nothing of the future.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "graph/interpreter.h"
#include "models/optimizer.h"
#include "models/window_networks/linear_networks.h"
#include "models/window_networks/patch_transformer.h"
#include "models/window_networks/stid_network.h"
#include "models/window_networks/window_writer.h"
#include "window_network_fixture.h"

namespace tensile {
namespace {

constexpr std::int64_t kSamples = 5;
constexpr std::int64_t kPresent = 4;  // of the samples; the program's rows may be bounded

struct NetworkCase {
    std::string name;
    std::function<std::unique_ptr<SeriesNetwork>(const NetworkShape&)> make;
};

std::vector<NetworkCase> networks() {
    PatchTransformerOptions patches{
        .patch_length = 4, .patch_stride = 3, .width = 6, .heads = 2, .layers = 2, .feed_forward = 5, .dropout = 0};
    return {
        {"dlinear", [](const NetworkShape& shape) { return make_dlinear(shape, 3); }},
        {"nlinear", [](const NetworkShape& shape) { return make_nlinear(shape); }},
        {"stid", [](const NetworkShape& shape) { return make_stid(shape, {.width = 4, .layers = 2, .dropout = 0}); }},
        {"patch_transformer", [=](const NetworkShape& shape) { return make_patch_transformer(shape, patches); }}};
}

struct LossCase {
    std::string name;
    WindowLossKind loss;
    std::vector<double> levels;
    WindowNormalization normalization;
};

std::vector<LossCase> losses() {
    return {{"squared_none", WindowLossKind::kSquared, {}, WindowNormalization::kNone},
            {"absolute_last", WindowLossKind::kAbsolute, {}, WindowNormalization::kLast},
            {"quantile_instance", WindowLossKind::kQuantile, {0.1, 0.5, 0.9}, WindowNormalization::kInstance}};
}

NetworkShape shape_of(const LossCase& loss) {
    NetworkShape shape;
    shape.series = 3;
    shape.look_back = 10;
    shape.horizon = 2;
    shape.covariates = 1;
    shape.masked = true;
    shape.cycles = {{CalendarCycle::Kind::kTimeOfDay, 24}, {CalendarCycle::Kind::kDayOfWeek, 7}};
    shape.normalization = loss.normalization;
    shape.loss = loss.loss;
    shape.levels = loss.levels;
    shape.seed = 5;
    return shape;
}

class NetworkGradients : public ::testing::TestWithParam<std::tuple<NetworkCase, LossCase>> {
  protected:
    NetworkGradients() : network_(std::get<0>(GetParam()).make(shape_of(std::get<1>(GetParam())))), program_(build()) {
        fill(*network_, inputs_);
    }

    static SeriesTable table() {
        SeriesTable table = testing::SeasonalTable{.steps = 60}.table();
        for (std::size_t i = 0; i < table.values.size(); ++i)
            if (random_uniform(9, 0, i) < 0.25) table.values[i] = testing::kMissing;
        Covariate covariate{"price", {}};
        for (std::size_t i = 0; i < table.values.size(); ++i)
            covariate.values.push_back(static_cast<float>(random_normal(9, 1, i)));
        table.covariates = {covariate};
        return table;
    }

    static void fill(const SeriesNetwork& network, std::map<std::string, HostTensor>& inputs) {
        const SeriesTable source = table();
        const SeriesScaling scaling = SeriesScaling::fit(source.values, 3, 60);
        const std::vector<SeriesScaling> covariates = {SeriesScaling::fit(source.covariates[0].values, 1, 180)};
        const WindowData data(source, scaling, network.shape().cycles, covariates, 0, 0, {});
        const WindowWriter writer(network, data);
        std::vector<TensorView> views;
        for (const std::span<const WindowInput> group : {network.inputs(), network.targets()})
            for (const WindowInput& input : group) {
                const TensorType type{input.dtype, {kSamples, input.width}};
                HostTensor& tensor = inputs.emplace(input.name, make_host_tensor<float>(type)).first->second;
                views.push_back({tensor.bytes.data(), type, kSamples});
            }
        for (std::int64_t sample = 0; sample < kPresent; ++sample)
            writer.write(sample % 3, 20 + 9 * sample, 60, views, sample);
    }

    Program build() const {
        ProgramBuilder builder("loss");
        const std::int16_t extent = network_->needs_static_rows() ? Shape::kStatic : builder.extent("batch");
        const auto declare = [&](std::span<const WindowInput> inputs) {
            std::vector<ValueId> values;
            for (const WindowInput& input : inputs) {
                Shape shape{kSamples, input.width};
                shape.set_extent_slot(extent);
                values.push_back(builder.input(input.name, {input.dtype, shape}));
            }
            return values;
        };
        const std::vector<ValueId> inputs = declare(network_->inputs());
        const std::vector<ValueId> targets = declare(network_->targets());
        const ValueId prediction = network_->forward(builder, inputs, {});
        const WindowLoss loss = network_->loss(builder, prediction, inputs, targets);
        builder.output("objective", loss.objective);
        builder.output("weight_sum", loss.weight_sum);
        std::vector<ValueId> parameters;
        for (const Parameter& parameter : std::as_const(*network_).parameters())
            parameters.push_back(builder.variable(parameter.variable.name, parameter.variable.type));
        const std::vector<Gradient> found = gradients(builder, {{loss.objective}}, parameters);
        for (std::size_t i = 0; i < found.size(); ++i)
            builder.output("d/" + builder.value(parameters[i]).name, densified(builder, found[i]));
        return builder.finish();
    }

    void load(Interpreter<double>& interpreter) const {
        if (!network_->needs_static_rows()) interpreter.set_extent("batch", kPresent);
        for (const auto& [name, tensor] : inputs_) {
            HostTensor& to = interpreter.tensor(name);
            if (is_floating(tensor.type.dtype)) {
                std::copy_n(tensor.data<float>(), tensor.type.shape.elements(), to.data<double>());
            } else {
                to.bytes = tensor.bytes;
            }
        }
        for (const Parameter& parameter : std::as_const(*network_).parameters()) {
            HostTensor content = make_host_tensor<float>(parameter.variable.type);
            parameter.variable.initialize({content.bytes.data(), content.type, content.type.shape.rows()});
            std::copy_n(content.data<float>(), content.type.shape.elements(),
                        interpreter.tensor(parameter.variable.name).data<double>());
        }
    }

    std::unique_ptr<SeriesNetwork> network_;
    Program program_;
    std::map<std::string, HostTensor> inputs_;
};

TEST_P(NetworkGradients, AgreeWithFiniteDifferences) {
    Interpreter<double> interpreter(program_);
    load(interpreter);
    interpreter.run();
    EXPECT_GT(*interpreter.output("weight_sum").data<double>(), 3);
    EXPECT_LT(*interpreter.output("weight_sum").data<double>(), kPresent * 2);
    constexpr double kStep = 1e-5;
    for (const Parameter& parameter : std::as_const(*network_).parameters()) {
        const std::string& name = parameter.variable.name;
        const HostTensor gradient = interpreter.output("d/" + name);
        const std::int64_t elements = parameter.variable.type.shape.elements();
        double greatest = 0;
        for (std::int64_t i = 0; i < elements; ++i)
            greatest = std::max(greatest, std::abs(gradient.data<double>()[i]));
        for (std::int64_t i = 0; i < elements; i += std::max<std::int64_t>(1, elements / 7)) {
            const auto at = [&](double shift) {
                Interpreter<double> shifted(program_);
                load(shifted);
                shifted.tensor(name).data<double>()[i] += shift;
                shifted.run();
                return *shifted.output("objective").data<double>();
            };
            const double expected = (at(kStep) - at(-kStep)) / (2 * kStep);
            EXPECT_NEAR(gradient.data<double>()[i], expected, 1e-6 * std::max(1.0, greatest)) << name << " " << i;
        }
    }
}

TEST_P(NetworkGradients, DoNotDependOnWhatMissingTargetsHold) {
    Interpreter<double> interpreter(program_);
    load(interpreter);
    interpreter.run();
    Interpreter<double> other(program_);
    load(other);
    for (std::int64_t i = 0; i < kSamples * 2; ++i)
        if (other.tensor("target_present").data<double>()[i] == 0) other.tensor("target").data<double>()[i] = 77;
    other.run();
    for (const NamedValue& output : program_.outputs())
        EXPECT_EQ(interpreter.output(output.name).bytes, other.output(output.name).bytes) << output.name;
}

// Only targets hold anything of the steps from the origin on, save covariates and the calendar.
TEST_P(NetworkGradients, InputsHoldNothingOfTheFuture) {
    SeriesTable source = table();
    const SeriesScaling scaling = SeriesScaling::fit(source.values, 3, 60);
    const std::vector<SeriesScaling> covariates = {SeriesScaling::fit(source.covariates[0].values, 1, 180)};
    std::map<std::string, HostTensor> written[2];
    for (const int run : {0, 1}) {
        // Present and missing cells alike change from step 30 on.
        for (std::size_t i = 90; run == 1 && i < 180; ++i)
            source.values[i] = std::isnan(source.values[i]) ? 5.0F : source.values[i] + 100;
        const WindowData data(source, scaling, network_->shape().cycles, covariates, 0, 0, {});
        std::vector<TensorView> views;
        for (const WindowInput& input : network_->inputs()) {
            const TensorType type{input.dtype, {1, input.width}};
            HostTensor& tensor = written[run].emplace(input.name, make_host_tensor<float>(type)).first->second;
            views.push_back({tensor.bytes.data(), type, 1});
        }
        WindowWriter(*network_, data).write(1, 30, 60, views, 0);
    }
    for (const auto& [name, tensor] : written[0])
        EXPECT_EQ(tensor.bytes, written[1].at(name).bytes) << name;
}

INSTANTIATE_TEST_SUITE_P(All, NetworkGradients,
                         ::testing::Combine(::testing::ValuesIn(networks()), ::testing::ValuesIn(losses())),
                         [](const auto& info) {
                             return std::get<0>(info.param).name + "_" + std::get<1>(info.param).name;
                         });

TEST(Decomposition, IsTheMovingAverageAndTheRest) {
    NetworkShape shape;
    shape.look_back = 5;
    shape.horizon = 1;
    const auto network = make_dlinear(shape, 3);
    SeriesTable table;
    table.steps = 5;
    table.axis.step = {0, testing::kHourMicroseconds};
    table.values = {1, 4, 1, 7, 10};
    const SeriesScaling none{{0}, {1}};
    const WindowData data(table, none, {}, {}, 0, 0, {});
    std::vector<float> row(10);
    const TensorView view{row.data(), {DType::kF32, {1, 10}}, 1};
    WindowWriter(*network, data).write(0, 5, 5, {{view}}, 0);
    EXPECT_THAT(row, ::testing::ElementsAre(2, 2, 4, 6, 9, -1, 2, -3, 1, 1));
}

}  // namespace
}  // namespace tensile
