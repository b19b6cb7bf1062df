// The network of NET3: gradients of its whole loss, a plain tensor LSTM written down independently, the filling of
// gaps, and that the ways of computing it agree.
#include "models/net3/net3_network.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "graph/autodiff.h"
#include "net3_fixture.h"

namespace tensile {
namespace {

using testing::fill;
using testing::net3_forecasts;
using testing::random_values;
using testing::random_weights;
using testing::small_net3;

using Named = std::map<std::string, std::vector<double>>;

// Two windows; with gaps in every step but for some places.
Named inputs_of(const Net3Architecture& net, std::int64_t rows, bool gaps) {
    const auto cells = static_cast<std::size_t>(rows * net.window * net.series());
    Named inputs{{"values", random_values(cells, 1)}};
    if (net.fills_gaps) {
        std::vector<double>& present = inputs["present"];
        for (std::size_t i = 0; i < cells; ++i) {
            present.push_back(gaps && i % 3 == 1 ? 0 : 1);
            inputs["values"][i] *= present[i];
        }
    }
    if (net.covariates > 0) inputs["covariates"] = random_values(cells * static_cast<std::size_t>(net.covariates), 2);
    return inputs;
}

struct Variant {
    std::string name;
    std::function<void(Net3Architecture&)> change;
};
void PrintTo(const Variant& variant, std::ostream* stream) {
    *stream << variant.name;
}

std::vector<Variant> variants() {
    return {{"paper", [](Net3Architecture& net) { net.skip = Net3Skip::kNone; }},
            {"gaps", [](Net3Architecture& net) { net.fills_gaps = true; }},
            {"series_head", [](Net3Architecture& net) { net.shared_head = false; }},
            {"autoregression", [](Net3Architecture& net) { net.skip = Net3Skip::kAutoregression; }},
            {"autoregression_gaps",
             [](Net3Architecture& net) {
                 net.skip = Net3Skip::kAutoregression;
                 net.fills_gaps = true;
             }},
            {"shared_recurrence", [](Net3Architecture& net) { net.recurrence = Net3Recurrence::kShared; }},
            {"place_recurrence", [](Net3Architecture& net) { net.recurrence = Net3Recurrence::kPerPlace; }},
            {"no_graphs", [](Net3Architecture& net) { net.terms.clear(); }},
            {"no_compression", [](Net3Architecture& net) { net.compressed.clear(); }},
            {"covariates_gaps",
             [](Net3Architecture& net) {
                 net.covariates = 2;
                 net.fills_gaps = true;
             }},
            {"one_mode",
             [](Net3Architecture& net) {
                 net.modes = {5};
                 net.graphs = {std::vector<float>(25, 0.2F)};
                 net.terms = {{0}};
                 net.compressed = {3};
             }},
            {"four_modes",
             [](Net3Architecture& net) {
                 net.modes = {2, 1, 3, 2};
                 net.graphs = {{0, 1, 1, 0}, {}, {}, {0, 1, 1, 0}};
                 net.terms = {{0}, {3}, {0, 3}};
                 net.compressed = {2, 1, 2, 1};
             }},
            {"one_step", [](Net3Architecture& net) { net.window = 1; }}};
}

class Net3Variants : public ::testing::TestWithParam<Variant> {
  protected:
    Net3Architecture architecture() const {
        Net3Architecture net = small_net3();
        GetParam().change(net);
        return net;
    }
};

TEST_P(Net3Variants, TheGradientOfTheWholeLossIsItsDerivative) {
    constexpr std::int64_t kRows = 2;
    Net3Architecture net = architecture();
    net.orthogonality = 0.3;
    net.reconstruction = 0.7;
    const Net3Network network(net, 1);

    ProgramBuilder builder("loss");
    const std::int16_t batch = builder.extent("batch");
    std::vector<ValueId> inputs;
    for (const WindowInput& input : network.inputs())
        inputs.push_back(builder.input(input.name, {DType::kF32, Shape::bounded(kRows + 1, batch, {input.width})}));
    std::vector<ValueId> targets;
    for (const WindowInput& target : network.targets())
        targets.push_back(builder.input(target.name, {DType::kF32, Shape::bounded(kRows + 1, batch, {target.width})}));
    const WindowPass pass = network.training_pass(builder, inputs, {});
    const WindowLoss loss = network.loss(builder, pass.prediction, inputs, targets);
    std::vector<ValueId> losses{loss.objective};
    if (pass.penalty.valid()) losses.push_back(pass.penalty);
    for (std::size_t i = 0; i < losses.size(); ++i)
        builder.output("loss_" + std::to_string(i), losses[i]);
    std::vector<ValueId> wrt;
    for (const Parameter& parameter : network.parameters())
        wrt.push_back(builder.variable(parameter.variable.name, parameter.variable.type));
    const std::vector<Gradient> found = gradients(builder, losses, wrt);
    for (std::size_t i = 0; i < wrt.size(); ++i)
        if (const auto* dense = std::get_if<ValueId>(&found[i]))
            builder.output("d_" + network.parameters()[i].variable.name, *dense);
    const Program program = builder.finish();

    Interpreter<double> interpreter(program);
    interpreter.set_extent("batch", kRows);
    const Named weights = random_weights(network);
    for (ValueId id : program.variables())
        fill(interpreter.tensor(program.value(id).name), weights.at(program.value(id).name));
    for (const auto& [name, values] : inputs_of(net, kRows, true))
        fill(interpreter.tensor(name), values);
    const auto cells = static_cast<std::size_t>(kRows * net.series());
    fill(interpreter.tensor("target"), random_values(cells, 5));
    std::vector<double> weight(cells, 1);
    weight[1] = 0;
    fill(interpreter.tensor("weight"), weight);
    const auto loss_now = [&] {
        interpreter.run();
        double sum = 0;
        for (std::size_t i = 0; i < losses.size(); ++i)
            sum += *interpreter.output("loss_" + std::to_string(i)).data<double>();
        return sum;
    };
    loss_now();
    Named computed;
    for (const NamedValue& output : program.outputs()) {
        if (!output.name.starts_with("d_")) continue;
        const HostTensor& tensor = interpreter.output(output.name);
        const double* data = tensor.data<double>();
        computed[output.name.substr(2)] = {data, data + tensor.type.shape.elements()};
    }
    constexpr double kStep = 1e-6;
    for (const Parameter& parameter : network.parameters()) {
        const std::string& name = parameter.variable.name;
        if (net.window == 1 && name.starts_with("recurrence/state")) {
            EXPECT_FALSE(computed.contains(name)) << "the state before the first step is 0";
            continue;
        }
        ASSERT_TRUE(computed.contains(name)) << name;
        for (std::size_t i = 0; i < weights.at(name).size(); ++i) {
            double* element = interpreter.tensor(name).data<double>() + i;
            const double original = *element;
            *element = original + kStep;
            const double above = loss_now();
            *element = original - kStep;
            const double below = loss_now();
            *element = original;
            const double difference = (above - below) / (2 * kStep);
            ASSERT_NEAR(computed[name][i], difference, 1e-6 * (1 + std::abs(difference))) << name << " " << i;
        }
    }
}

TEST_P(Net3Variants, ABatchOfOneGivesTheRowOfALargerBatch) {
    const Net3Architecture net = architecture();
    const Net3Network network(net, 1);
    const Named weights = random_weights(network);
    Named inputs = inputs_of(net, 2, true);
    const std::vector<double> both = net3_forecasts(network, weights, inputs, 2, 2);
    for (auto& [name, values] : inputs)
        values.resize(values.size() / 2);
    const std::vector<double> alone = net3_forecasts(network, weights, inputs, 1, 1);
    for (std::size_t i = 0; i < alone.size(); ++i)
        EXPECT_EQ(alone[i], both[i]) << i;
}

TEST_P(Net3Variants, WithoutGapsStepByStepIsAllAtOnce) {
    Net3Architecture net = architecture();
    net.fills_gaps = false;
    const Net3Network at_once(net, 1);
    const Named weights = random_weights(at_once);
    Named inputs = inputs_of(net, 2, false);
    const std::vector<double> expected = net3_forecasts(at_once, weights, inputs, 2, 3);
    net.fills_gaps = true;
    inputs["present"].assign(inputs["values"].size(), 1);
    const std::vector<double> found = net3_forecasts(Net3Network(net, 1), weights, inputs, 2, 3);
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(found[i], expected[i], 1e-13) << i;
}

// Filling by hand: the forecast of each step from the steps before it, by a network with as short a window.
TEST_P(Net3Variants, AGapHoldsTheForecastFromTheStepsBefore) {
    Net3Architecture net = architecture();
    net.fills_gaps = true;
    const Net3Network network(net, 1);
    Named weights = random_weights(network);
    const Named inputs = inputs_of(net, 1, true);
    const std::vector<double> found = net3_forecasts(network, weights, inputs, 1, 1);

    const auto series = static_cast<std::size_t>(net.series());
    const auto covariates = series * static_cast<std::size_t>(net.covariates);
    std::vector<double> filled;
    std::vector<double> forecast(series, 0.0);
    for (std::size_t step = 0; step < static_cast<std::size_t>(net.window); ++step) {
        for (std::size_t one = 0; one < series; ++one) {
            const std::size_t place = step * series + one;
            filled.push_back(inputs.at("present")[place] == 1 ? inputs.at("values")[place] : forecast[one]);
        }
        Net3Architecture part = net;
        part.window = static_cast<std::int64_t>(step) + 1;
        part.fills_gaps = false;
        Named part_weights = weights;
        if (net.skip == Net3Skip::kAutoregression) {
            // The last coefficients belong to the last steps.
            std::vector<double>& all = part_weights.at("skip/coefficients");
            all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>((step + 1) * series));
        }
        Named part_inputs{{"values", filled}};
        if (net.covariates > 0)
            part_inputs["covariates"] = {
                inputs.at("covariates").begin(),
                inputs.at("covariates").begin() + static_cast<std::ptrdiff_t>((step + 1) * covariates)};
        forecast = net3_forecasts(Net3Network(part, 1), part_weights, part_inputs, 1, 1);
    }
    for (std::size_t one = 0; one < series; ++one)
        EXPECT_NEAR(found[one], forecast[one], 1e-12) << one;
}

INSTANTIATE_TEST_SUITE_P(All, Net3Variants, ::testing::ValuesIn(variants()),
                         [](const auto& info) { return info.param.name; });

// A tensor LSTM over modes 3 and 2 as its equations say, place by place.
class PlainTensorLstm {
  public:
    PlainTensorLstm(const Net3Architecture& net, const Named& weights) : net_(net), weights_(weights) {}

    std::vector<double> forecast(const std::vector<double>& values) const {
        const std::int64_t places = net_.series();
        std::vector<double> hidden(static_cast<std::size_t>(places * net_.hidden));
        std::vector<double> cell(hidden.size());
        std::vector<double> features;
        for (std::int64_t step = 0; step < net_.window; ++step) {
            features.clear();
            for (std::int64_t place = 0; place < places; ++place)
                for (std::int64_t k = 0; k < net_.features; ++k)
                    features.push_back(std::max(0.0, values[index(step * places + place)] * at("convolution/plain", k) +
                                                         at("convolution/bias", k)));
            std::vector<double> gates[4];
            for (std::int64_t gate = 0; gate < 4; ++gate) {
                gates[gate] = layer("recurrence/input", gate, features, net_.features);
                const std::vector<double> state = layer("recurrence/state", gate, hidden, net_.hidden);
                for (std::size_t i = 0; i < state.size(); ++i)
                    gates[gate][i] += state[i] + at("recurrence/bias",
                                                    gate * net_.hidden + static_cast<std::int64_t>(i) % net_.hidden);
            }
            const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
            for (std::size_t i = 0; i < cell.size(); ++i) {
                cell[i] = logistic(gates[1][i]) * cell[i] + logistic(gates[0][i]) * std::tanh(gates[2][i]);
                hidden[i] = logistic(gates[3][i]) * std::tanh(cell[i]);
            }
        }
        std::vector<double> result;
        for (std::int64_t place = 0; place < places; ++place) {
            double sum = at("head/bias", 0);
            for (std::int64_t k = 0; k < net_.hidden; ++k)
                sum += at("head/recurrence", k) * hidden[index(place * net_.hidden + k)];
            for (std::int64_t k = 0; k < net_.features; ++k)
                sum += at("head/features", k) * features[index(place * net_.features + k)];
            result.push_back(sum);
        }
        return result;
    }

  private:
    static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }
    double at(const std::string& name, std::int64_t i) const { return weights_.at(name)[index(i)]; }

    // V x_1 W_1 x_2 W_2 x_F W_F of one gate.
    std::vector<double> layer(const std::string& side, std::int64_t gate, const std::vector<double>& v,
                              std::int64_t from) const {
        const std::int64_t rows = net_.modes[0];
        const std::int64_t columns = net_.modes[1];
        std::vector<double> result;
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t j = 0; j < columns; ++j)
                for (std::int64_t to = 0; to < net_.hidden; ++to) {
                    double sum = 0;
                    for (std::int64_t a = 0; a < rows; ++a)
                        for (std::int64_t b = 0; b < columns; ++b)
                            for (std::int64_t k = 0; k < from; ++k)
                                sum += at(side + "/mode_0", (gate * rows + i) * rows + a) *
                                       at(side + "/mode_1", (gate * columns + j) * columns + b) *
                                       at(side + "/features", (gate * from + k) * net_.hidden + to) *
                                       v[index((a * columns + b) * from + k)];
                    result.push_back(sum);
                }
        return result;
    }

    const Net3Architecture& net_;
    const Named& weights_;
};

TEST(Net3Network, WithoutGraphsAndAtFullRankItIsATensorLstm) {
    Net3Architecture net = small_net3();
    net.terms.clear();
    net.skip = Net3Skip::kNone;
    net.compressed = net.modes;  // U is the identity
    const Net3Network network(net, 1);
    const Named weights = random_weights(network);
    const Named inputs = inputs_of(net, 1, false);
    const std::vector<double> expected = PlainTensorLstm(net, weights).forecast(inputs.at("values"));
    const std::vector<double> found = net3_forecasts(network, weights, inputs, 1, 1);
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(found[i], expected[i], 1e-12) << i;
}

// An identity graph adds what the plain term gives already: their weights add up.
TEST(Net3Network, AnIdentityGraphIsThePlainTerm) {
    Net3Architecture net = small_net3();
    net.graphs[0] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    net.terms = {{0}};
    const Net3Network with_graph(net, 1);
    Named weights = random_weights(with_graph);
    const Named inputs = inputs_of(net, 1, false);
    const std::vector<double> expected = net3_forecasts(with_graph, weights, inputs, 1, 1);
    net.terms.clear();
    for (std::size_t k = 0; k < weights.at("convolution/plain").size(); ++k)
        weights.at("convolution/plain")[k] += weights.at("convolution/term_0")[k];
    const std::vector<double> found = net3_forecasts(Net3Network(net, 1), weights, inputs, 1, 1);
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(found[i], expected[i], 1e-13) << i;
}

// The compressions that training begins with are orthonormal, which is where the penalty is 0 although they are narrow.
TEST(Net3Network, ThePenaltyOfOrthonormalCompressionsIsNothing) {
    Net3Architecture net = small_net3();
    net.compressed = {2, 1};
    net.reconstruction = 0;
    net.orthogonality = 1;
    const Net3Network network(net, 7);
    ProgramBuilder builder("penalty");
    const ValueId values = builder.input("values", {DType::kF32, {1, network.inputs()[0].width}});
    builder.output("penalty", network.training_pass(builder, {{values}}, {}).penalty);
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    for (const Parameter& parameter : network.parameters()) {
        if (!parameter.variable.name.starts_with("compression/")) continue;
        HostTensor& tensor = interpreter.tensor(parameter.variable.name);
        parameter.variable.initialize({tensor.bytes.data(), tensor.type, tensor.type.shape.rows()});
    }
    interpreter.run();
    EXPECT_NEAR(*interpreter.output("penalty").data<float>(), 0, 1e-5);
}

}  // namespace
}  // namespace tensile
