// Windows of a tensor of series that NET3 learns from in a second: random walks of the size of the paper's sensor data
// (54 motes of 4 measurements, window 5, 8 features, compression to 44 by 4), already in memory.
//
// Usage: net3_training [--modes 54,4] [--compressed 44,4] [--window 5] [--features 8] [--steps 2000] [--batch 100]
//                      [--threads 2] [--epochs 4] [--gaps 0]
// Prints one line: windows_per_second <x>, over the epochs after the first; multiply-adds of a window before it.
#include <cstdio>
#include <cstdlib>

#include "net3_run.h"
#include "tensor/random.h"

namespace {

using namespace tensile;

Net3Table random_walks(std::int64_t steps, std::int64_t series, double gaps) {
    SeriesTable table;
    table.steps = steps;
    table.modes.push_back({"series", {}});
    for (std::int64_t i = 0; i < series; ++i)
        table.keys.push_back(static_cast<std::int32_t>(i));
    table.values.resize(static_cast<std::size_t>(steps * series));
    for (std::int64_t one = 0; one < series; ++one) {
        double level = 0;
        for (std::int64_t step = 0; step < steps; ++step) {
            const auto index = static_cast<std::uint64_t>(step * series + one);
            level = 0.9 * level + random_normal(1, 0, index);
            table.values[index] = random_uniform(1, 1, index) < gaps ? std::nanf("") : static_cast<float>(level);
        }
    }
    return {table, Net3Scaling::fit(table, steps)};
}

double multiply_adds(const Net3Network& network, std::int64_t rows) {
    const Program program = window_prediction_program(network, rows);
    double flops = 0;
    for (const Node& node : program.nodes()) {
        if (node.op->name() != "mode_product") continue;
        std::vector<TensorType> inputs;
        for (ValueId id : node.inputs)
            inputs.push_back(program.value(id).type);
        flops += node.op->cost(inputs, {{program.value(node.outputs[0]).type}}, node.attributes).flops;
    }
    return flops / 2 / static_cast<double>(rows);
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = bench::parse_arguments(argc, argv,
                                                  {{"modes", "54,4"},
                                                   {"compressed", "44,4"},
                                                   {"window", "5"},
                                                   {"features", "8"},
                                                   {"steps", "2000"},
                                                   {"batch", "100"},
                                                   {"threads", "2"},
                                                   {"epochs", "4"},
                                                   {"gaps", "0"}});
    const auto integer = [&](const char* name) { return std::atoll(arguments.at(name).c_str()); };
    try {
        Net3Architecture net;
        net.modes = bench::parse_list(arguments.at("modes"));
        net.compressed = bench::parse_list(arguments.at("compressed"));
        net.window = integer("window");
        net.features = net.hidden = integer("features");
        net.shared_head = false;
        const Net3Table table = random_walks(integer("steps"), net.series(), std::atof(arguments.at("gaps").c_str()));
        net.fills_gaps = table.has_gaps;
        std::vector<int> all;
        for (std::size_t mode = 0; mode < net.modes.size(); ++mode) {
            net.graphs.push_back(correlation_graph(table, net.modes, mode, table.steps, nullptr));
            all.push_back(static_cast<int>(mode));
            net.terms.push_back({static_cast<int>(mode)});
        }
        if (all.size() > 1) net.terms.push_back(all);
        const Net3Network network(net, 1);
        std::printf("multiply_adds_per_window_forward %.2fM\n", multiply_adds(network, 64) / 1e6);
        const Net3Samples samples(table, net, table.steps);
        WindowTrainingSettings settings;
        settings.epochs = integer("epochs");
        settings.batch_size = integer("batch");
        settings.learning_rate = 0.01;
        const bench::TrainedNet3 trained =
            bench::train_net3(static_cast<int>(integer("threads")), network, samples, settings);
        std::printf("windows_per_second %.0f\n", static_cast<double>(trained.windows) / trained.steady_seconds);
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n%s\n", error.what(), error.detail().c_str());
        return 1;
    }
    return 0;
}
