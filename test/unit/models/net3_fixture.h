// Small NET3 networks for tests: architectures, weights at random, and forecasts by the reference interpreter in
// double.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/interpreter.h"
#include "models/net3/net3_network.h"
#include "tensor/random.h"

namespace tensile::testing {

// Two modes of 3 and 2 places, the first compressed to 2; graphs on both.
inline Net3Architecture small_net3() {
    Net3Architecture net;
    net.modes = {3, 2};
    net.graphs = {{0, 0.6F, 0.2F, 0.6F, 0, 0.5F, 0.2F, 0.5F, 0}, {0, 1, 1, 0}};
    net.terms = {{0}, {1}, {0, 1}};
    net.compressed = {2, 2};
    net.window = 3;
    net.features = 2;
    net.hidden = 3;
    net.fills_gaps = false;
    return net;
}

// Weights of a network by name: uniform in (-0.7, 0.7), so that nothing is 0 by its initial content.
inline std::map<std::string, std::vector<double>> random_weights(const Net3Network& network, std::uint64_t seed = 3) {
    std::map<std::string, std::vector<double>> weights;
    std::uint64_t stream = 0;
    for (const Parameter& parameter : network.parameters()) {
        std::vector<double>& values = weights[parameter.variable.name];
        ++stream;
        for (std::int64_t i = 0; i < parameter.variable.type.shape.elements(); ++i)
            values.push_back(1.4 * random_uniform(seed, stream, static_cast<std::uint64_t>(i)) - 0.7);
    }
    return weights;
}

inline void fill(HostTensor& tensor, const std::vector<double>& values) {
    std::copy(values.begin(), values.end(), tensor.data<double>());
}

// Forecasts [rows, series] for inputs by name.
inline std::vector<double> net3_forecasts(const Net3Network& network,
                                          const std::map<std::string, std::vector<double>>& weights,
                                          const std::map<std::string, std::vector<double>>& inputs, std::int64_t rows,
                                          std::int64_t capacity) {
    const Program program = window_prediction_program(network, capacity);
    Interpreter<double> interpreter(program);
    for (ValueId id : program.variables())
        fill(interpreter.tensor(program.value(id).name), weights.at(program.value(id).name));
    for (const auto& [name, values] : inputs)
        fill(interpreter.tensor(name), values);
    interpreter.set_extent("batch", rows);
    interpreter.run();
    const double* forecasts = interpreter.output("prediction").data<double>();
    return {forecasts, forecasts + rows * network.architecture().series()};
}

inline std::vector<double> random_values(std::size_t count, std::uint64_t stream) {
    std::vector<double> values;
    for (std::size_t i = 0; i < count; ++i)
        values.push_back(2 * random_uniform(17, stream, i) - 1);
    return values;
}

}  // namespace tensile::testing
