// See network_trainings.h.
#include "support/network_trainings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "models/forecast/window_training.h"
#include "models/net3/net3_network.h"
#include "models/net3/net3_table.h"
#include "models/networks/image_networks.h"
#include "models/networks/lstm_network.h"
#include "models/networks/transformer_network.h"
#include "models/networks/wide_mlp_network.h"
#include "support/batch_driver.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace tensile::test {

namespace {

constexpr std::array<std::string_view, 5> kNames = {"mlp", "resnet", "lstm", "transformer", "net3"};

template <typename Options>
using ByScale = std::array<Options, 3>;

template <typename Options>
const Options& at(const ByScale<Options>& options, NetworkScale scale) {
    return options[static_cast<std::size_t>(scale)];
}

// Keeps the loss of every step of the job's first program and leaves everything else to the driver that it wraps.
class LossRecorder final : public Driver {
  public:
    LossRecorder(const Program& program, std::string_view output, std::unique_ptr<Driver> driver,
                 std::shared_ptr<std::vector<float>> losses)
        : driver_(std::move(driver)), losses_(std::move(losses)) {
        const auto outputs = program.outputs();
        const auto found = std::ranges::find(outputs, output, &NamedValue::name);
        if (found == outputs.end()) throw InternalError("the program has no output \"" + std::string(output) + "\"");
        output_ = static_cast<std::size_t>(found - outputs.begin());
    }
    std::optional<int> next() override { return driver_->next(); }
    void feed(int program, Feeds feeds) override { driver_->feed(program, feeds); }
    std::int64_t feed_row_count(int program) const override { return driver_->feed_row_count(program); }
    void feed_rows(int program, Feeds feeds, std::int64_t begin, std::int64_t end) const noexcept override {
        driver_->feed_rows(program, feeds, begin, end);
    }
    void observe(int program, std::span<const TensorView> outputs) override {
        if (program == 0) losses_->push_back(*outputs[output_].as<float>());
        driver_->observe(program, outputs);
    }
    std::string save_state() const override { return driver_->save_state(); }
    void restore_state(const std::string& state) override { driver_->restore_state(state); }

  private:
    std::unique_ptr<Driver> driver_;
    std::shared_ptr<std::vector<float>> losses_;
    std::size_t output_ = 0;
};

NetworkTraining recorded(std::string_view name, std::shared_ptr<void> owner, Job& job, std::string_view output,
                         std::int64_t samples) {
    NetworkTraining training{std::string(name), std::move(owner), &job, std::make_shared<std::vector<float>>(),
                             samples};
    job.driver = std::make_unique<LossRecorder>(job.programs[0], output, std::move(job.driver), training.losses);
    return training;
}

NetworkTraining batch_training(std::string_view name, Program program, std::vector<Variable> variables,
                               const BatchOptions& batches, std::int64_t samples) {
    auto job = std::make_shared<Job>();
    job->driver = std::make_unique<BatchDriver>(program, batches);
    job->variables = std::move(variables);
    job->programs.push_back(std::move(program));
    return recorded(name, job, *job, "loss", samples);
}

NetworkTraining mlp(NetworkScale scale, std::int64_t steps) {
    static const ByScale<WideMlpOptions> kOptions = {
        {{.batch = 512, .inputs = 32, .layers = 8, .width = 64, .classes = 3},
         {.batch = 256, .inputs = 64, .layers = 3, .width = 256, .classes = 10},
         {.batch = 8192, .inputs = 1024, .layers = 4, .width = 4096, .classes = 1000}}};
    const WideMlpOptions& options = at(kOptions, scale);
    TrainingNetwork network = wide_mlp_network(options);
    const BatchOptions batches{
        .optimizer = options.optimizer, .steps = steps, .index_inputs = std::move(network.index_inputs)};
    return batch_training("mlp", std::move(network.program), std::move(network.variables), batches, options.batch);
}

NetworkTraining resnet(NetworkScale scale, std::int64_t steps) {
    constexpr ByScale<ImageNetworkShape> kShapes = {
        {{.images = 8, .pixels = 64, .width = 0.0625, .classes = 3, .seed = 1},
         {.images = 16, .pixels = 64, .width = 0.25, .classes = 10, .seed = 1},
         {.images = 128, .pixels = 224, .width = 1, .classes = 1000, .seed = 1}}};
    ImageNetworkShape shape = at(kShapes, scale);
    // Otherwise 50 normalizations make differences of rounding grow a hundredfold from the first step on.
    shape.residual_scale = 0;
    const OptimizerSettings optimizer{.kind = OptimizerKind::kSgd, .momentum = 0.9};
    ImageNetworkTraining network = resnet_50_training(shape, optimizer);
    const BatchOptions batches{.optimizer = optimizer, .steps = steps, .index_inputs = {}, .classes = shape.classes};
    return batch_training("resnet", std::move(network.program), std::move(network.variables), batches, shape.images);
}

NetworkTraining lstm(NetworkScale scale, std::int64_t steps) {
    static const ByScale<LstmOptions> kOptions = {
        {{.batch = 4, .steps = 3, .vocabulary = 11, .embedding = 5, .layers = 1, .hidden = 6},
         {.batch = 32, .steps = 16, .vocabulary = 256, .embedding = 32, .layers = 1, .hidden = 64},
         {.batch = 512, .steps = 64, .vocabulary = 10000, .embedding = 1024, .layers = 2, .hidden = 1024}}};
    const LstmOptions& options = at(kOptions, scale);
    TrainingNetwork network = lstm_network(options);
    const BatchOptions batches{
        .optimizer = options.optimizer, .steps = steps, .index_inputs = std::move(network.index_inputs)};
    return batch_training("lstm", std::move(network.program), std::move(network.variables), batches, options.batch);
}

NetworkTraining transformer(NetworkScale scale, std::int64_t steps) {
    static const ByScale<TransformerOptions> kOptions = {
        {{.batch = 2, .steps = 4, .vocabulary = 11, .layers = 1, .heads = 2, .width = 8, .feed_forward = 16},
         {.batch = 8, .steps = 32, .vocabulary = 256, .layers = 2, .heads = 4, .width = 64, .feed_forward = 256},
         {.batch = 32,
          .steps = 256,
          .vocabulary = 10000,
          .layers = 6,
          .heads = 8,
          .width = 512,
          .feed_forward = 2048}}};
    const TransformerOptions& options = at(kOptions, scale);
    TrainingNetwork network = transformer_network(options);
    const BatchOptions batches{
        .optimizer = options.optimizer, .steps = steps, .index_inputs = std::move(network.index_inputs)};
    return batch_training("transformer", std::move(network.program), std::move(network.variables), batches,
                          options.batch);
}

struct Net3Shape {
    std::vector<std::int64_t> modes;
    std::vector<std::int64_t> compressed;
    std::int64_t window;
    std::int64_t features;
    std::int64_t batch;
};

// Random walks that are drawn back to 0.
SeriesTable random_walks(const Net3Shape& shape, std::int64_t steps) {
    SeriesTable table;
    table.steps = steps;
    table.modes.push_back({"series", {}});
    std::int64_t series = 1;
    for (const std::int64_t size : shape.modes)
        series *= size;
    for (std::int64_t one = 0; one < series; ++one)
        table.keys.push_back(static_cast<std::int32_t>(one));
    table.values.resize(static_cast<std::size_t>(steps * series));
    for (std::int64_t one = 0; one < series; ++one) {
        double level = 0;
        for (std::int64_t step = 0; step < steps; ++step) {
            const auto index = static_cast<std::uint64_t>(step * series + one);
            level = 0.9 * level + random_normal(1, 0, index);
            table.values[index] = static_cast<float>(level);
        }
    }
    return table;
}

// What a training of NET3 refers to, in the order in which it is made.
struct Net3Parts {
    Net3Parts(const Net3Shape& shape, std::int64_t steps) {
        const std::int64_t rows = steps * shape.batch + shape.window;
        const SeriesTable walks = random_walks(shape, rows);
        table = Net3Table(walks, Net3Scaling::fit(walks, rows));
        Net3Architecture net;
        net.modes = shape.modes;
        net.compressed = shape.compressed;
        net.window = shape.window;
        net.features = net.hidden = shape.features;
        net.shared_head = false;
        std::vector<int> all;
        for (std::size_t mode = 0; mode < net.modes.size(); ++mode) {
            net.graphs.push_back(correlation_graph(table, net.modes, mode, table.steps, nullptr));
            all.push_back(static_cast<int>(mode));
            net.terms.push_back({static_cast<int>(mode)});
        }
        net.terms.push_back(all);
        network = std::make_unique<Net3Network>(net, 1);
        samples = std::make_unique<Net3Samples>(table, net, table.steps);
        WindowTrainingSettings settings;
        settings.epochs = 1;
        settings.patience = 0;
        settings.batch_size = shape.batch;
        settings.learning_rate = 0.01;
        training = std::make_unique<WindowTraining>(*network, *samples, settings, nullptr, nullptr);
    }

    Net3Table table;
    std::unique_ptr<Net3Network> network;
    std::unique_ptr<Net3Samples> samples;
    std::unique_ptr<WindowTraining> training;
};

NetworkTraining net3(NetworkScale scale, std::int64_t steps) {
    static const ByScale<Net3Shape> kShapes = {
        {{{3, 2}, {2, 2}, 3, 3, 4}, {{18, 4}, {12, 4}, 5, 8, 32}, {{54, 4}, {44, 4}, 5, 8, 512}}};
    const Net3Shape& shape = at(kShapes, scale);
    auto parts = std::make_shared<Net3Parts>(shape, steps);
    Job& job = parts->training->job();
    return recorded("net3", std::move(parts), job, "objective", shape.batch);
}

}  // namespace

std::span<const std::string_view> network_names() {
    return kNames;
}

NetworkTraining network_training(std::string_view name, NetworkScale scale, std::int64_t steps) {
    constexpr std::array kMakers = {&mlp, &resnet, &lstm, &transformer, &net3};
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end()) throw InternalError("no such network: " + std::string(name));
    return kMakers[static_cast<std::size_t>(found - kNames.begin())](scale, steps);
}

}  // namespace tensile::test
