// The example networks: sizes by formula, training on the CPU device, agreement with the interpreter, bits that do not
// depend on the number of threads, and what masks promise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <list>
#include <map>
#include <memory>

#include "device/cpu/cpu_device.h"
#include "graph/interpreter.h"
#include "models/networks/lstm_network.h"
#include "models/networks/tabular_network.h"
#include "models/networks/transformer_network.h"
#include "models/networks/wide_mlp_network.h"
#include "planner/checker.h"
#include "runtime/program_instance.h"
#include "support/network_run.h"

namespace tensile::test {

namespace {

constexpr TransformerOptions kTransformer{
    .batch = 3, .steps = 10, .vocabulary = 23, .layers = 2, .heads = 3, .width = 24, .feed_forward = 40};
constexpr LstmOptions kLstm{
    .batch = 9, .steps = 6, .vocabulary = 17, .embedding = 12, .layers = 2, .hidden = 20, .classes = 3, .dropout = 0.1};
constexpr WideMlpOptions kWideMlp{.batch = 50, .inputs = 13, .layers = 3, .width = 70, .classes = 5};
constexpr TabularOptions kTabular{.batch = 60, .numbers = 5, .tables = 3, .table_rows = 200, .embedding = 7};

OptimizerSettings sgd() {
    return {.kind = OptimizerKind::kSgd, .clip_norm = 1};
}

struct NetworkCase {
    std::string name;
    std::function<TrainingNetwork()> make;
    double learning_rate;
};

std::vector<NetworkCase> cases() {
    TransformerOptions encoder = kTransformer;
    encoder.causal = false;
    encoder.dropout = 0;
    encoder.optimizer = sgd();
    LstmOptions plain_lstm = kLstm;
    plain_lstm.layers = 1;
    plain_lstm.dropout = 0;
    plain_lstm.optimizer = sgd();
    TabularOptions small_tables = kTabular;
    small_tables.table_rows = 20;
    WideMlpOptions deep = kWideMlp;
    deep.optimizer = sgd();
    return {{"transformer", [] { return transformer_network(kTransformer); }, 3e-3},
            {"transformer_encoder", [=] { return transformer_network(encoder); }, 0.1},
            {"lstm", [] { return lstm_network(kLstm); }, 1e-2},
            {"lstm_sgd", [=] { return lstm_network(plain_lstm); }, 0.1},
            {"wide_mlp", [] { return wide_mlp_network(kWideMlp); }, 1e-3},
            {"wide_mlp_sgd", [=] { return wide_mlp_network(deep); }, 0.02},
            {"tabular", [] { return tabular_network(kTabular); }, 3e-3},
            {"tabular_small_tables", [=] { return tabular_network(small_tables); }, 3e-3}};
}

class ExampleNetwork : public ::testing::TestWithParam<NetworkCase> {};

TEST_P(ExampleNetwork, LossFallsOnOneBatch) {
    const TrainingNetwork network = GetParam().make();
    CpuDevice device(2);
    NetworkRun run(device, network);
    run.fill_batch(1);
    const float first = run.step(GetParam().learning_rate);
    ASSERT_TRUE(std::isfinite(first));
    float last = first;
    constexpr int kSteps = 60;
    for (int step = 0; step < kSteps; ++step)
        last = run.step(GetParam().learning_rate);
    EXPECT_LT(last, 0.7F * first);
    EXPECT_THAT(run.device_run().damaged_guards(), ::testing::IsEmpty());
}

TEST_P(ExampleNetwork, BitsDependNeitherOnThreadsNorOnSplitChains) {
    const TrainingNetwork network = GetParam().make();
    std::vector<std::vector<std::byte>> states;
    for (const auto& [threads, split] : {std::pair{1, false}, {2, false}, {2, true}}) {
        CpuDevice device(threads);
        NetworkRun run(device, network, {.batch_invariant = false, .split_chains = split});
        for (std::uint64_t batch = 0; batch < 3; ++batch) {
            run.fill_batch(batch);
            run.step(GetParam().learning_rate);
        }
        states.push_back(run.state());
    }
    EXPECT_TRUE(states[0] == states[1]);
    EXPECT_TRUE(states[0] == states[2]);
}

// The loss before and after one update, in double by the reference kernels: forward, gradients and update are right.
TEST_P(ExampleNetwork, TrainsLikeTheInterpreter) {
    const TrainingNetwork network = GetParam().make();
    CpuDevice device(2);
    NetworkRun run(device, network);
    run.fill_batch(4);
    Interpreter<double> interpreter(network.program);
    const auto copy = [&](const Value& value) {
        const TensorView from = run.device_run().tensor(value.name);
        HostTensor& to = interpreter.tensor(value.name);
        if (is_floating(value.type.dtype))
            std::copy_n(from.as<float>(), value.type.shape.elements(), to.data<double>());
        else
            std::memcpy(to.bytes.data(), from.data, to.bytes.size());
    };
    for (ValueId id : network.program.variables())
        copy(network.program.value(id));
    for (int step = 0; step < 2; ++step) {
        const float loss = run.step(GetParam().learning_rate);
        for (ValueId id : network.program.inputs())
            copy(network.program.value(id));
        interpreter.run();
        const double expected = *interpreter.output("loss").data<double>();
        EXPECT_NEAR(loss, expected, 1e-4 * expected) << "step " << step;
    }
}

// The plan is proved, and in its memory, where tensors share bytes, a step gives the bits that it gives in buffers of
// its own.
TEST_P(ExampleNetwork, RunsInPlannedMemory) {
    const TrainingNetwork network = GetParam().make();
    CpuDevice device(2);
    NetworkRun run(device, network);
    run.fill_batch(8);
    const float loss = run.step(GetParam().learning_rate);

    const auto planned = plan_program(device, network.program, {});
    EXPECT_EQ(find_violation(planned->executable->lowered(), planned->plan), std::nullopt);
    std::list<std::vector<std::byte>> storage;
    const auto allocate = [&](std::uint64_t bytes) {
        storage.emplace_back(bytes + 64, std::byte{0xEE});
        void* begin = storage.back().data();
        std::size_t room = bytes + 64;
        return static_cast<std::byte*>(std::align(64, bytes, begin, room));
    };
    std::byte* transient = allocate(planned->extent_bytes());
    std::map<std::string, std::byte*> by_name;
    std::vector<std::byte*> variables;
    for (const ValueId id : planned->program.variables()) {
        const Value& value = planned->program.value(id);
        variables.push_back(by_name[value.name] = allocate(value.type.bytes()));
    }
    for (const Variable& variable : network.variables)
        variable.initialize({by_name[variable.name], variable.type, variable.type.shape.rows()});
    ProgramInstance instance(planned, transient, variables);
    for (std::size_t i = 0; i < instance.inputs().size(); ++i) {
        const Value& value = network.program.value(network.program.inputs()[i]);
        std::memcpy(instance.inputs()[i].data, run.device_run().tensor(value.name).data, value.type.bytes());
    }
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    ASSERT_EQ(instance.run(*stream, nullptr), LaunchStatus::kCompleted);
    EXPECT_EQ(*instance.outputs()[0].as<float>(), loss);
    std::vector<std::byte> state;
    for (const Variable& variable : network.variables)
        state.insert(state.end(), by_name[variable.name], by_name[variable.name] + variable.type.bytes());
    EXPECT_TRUE(state == run.state());
}

INSTANTIATE_TEST_SUITE_P(All, ExampleNetwork, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(ExampleNetworkSizes, FollowTheirFormulas) {
    {
        const TransformerOptions& o = kTransformer;
        const std::int64_t attention = 4 * (o.width * o.width + o.width);
        const std::int64_t feed_forward = 2 * o.width * o.feed_forward + o.feed_forward + o.width;
        const std::int64_t block = 4 * o.width + attention + feed_forward;
        EXPECT_EQ(transformer_network(o).parameter_count,
                  (o.vocabulary + o.steps) * o.width + o.layers * block + 2 * o.width + (o.width + 1) * o.vocabulary);
    }
    {
        const LstmOptions& o = kLstm;
        const std::int64_t first = 4 * o.hidden * (o.embedding + o.hidden + 1);
        const std::int64_t further = (o.layers - 1) * 4 * o.hidden * (2 * o.hidden + 1);
        EXPECT_EQ(lstm_network(o).parameter_count,
                  o.vocabulary * o.embedding + first + further + (o.hidden + 1) * o.classes);
    }
    {
        const WideMlpOptions& o = kWideMlp;
        EXPECT_EQ(wide_mlp_network(o).parameter_count,
                  (o.inputs + 1) * o.width + (o.layers - 1) * (o.width + 1) * o.width + (o.width + 1) * o.classes);
    }
    {
        const TabularOptions& o = kTabular;
        const std::int64_t inputs = o.numbers + o.tables * o.embedding;
        const std::int64_t hidden = (inputs + 3) * o.width + (o.layers - 1) * (o.width + 3) * o.width;
        EXPECT_EQ(tabular_network(o).parameter_count, o.tables * o.table_rows * o.embedding + hidden + o.width + 1);
    }
}

TEST(ExampleNetworkSizes, EachVariableIsInitializedAndUsed) {
    for (const NetworkCase& network_case : cases()) {
        const TrainingNetwork network = network_case.make();
        EXPECT_EQ(network.variables.size(), network.program.variables().size()) << network_case.name;
        std::int64_t weights = 0;
        for (const Variable& variable : network.variables)
            weights += variable.is_weight ? variable.type.shape.elements() : 0;
        EXPECT_EQ(weights, network.parameter_count) << network_case.name;
    }
}

TEST(TransformerNetwork, RefusesAWidthThatHeadsDoNotShare) {
    TransformerOptions options = kTransformer;
    options.heads = 5;
    EXPECT_THROW(transformer_network(options), InternalError);
}

// Later tokens have no influence on earlier positions; without the mask they have.
TEST(TransformerNetwork, DoesNotLookAhead) {
    for (const bool causal : {true, false}) {
        TransformerOptions options = kTransformer;
        options.causal = causal;
        options.dropout = 0;
        const TrainingNetwork network = transformer_network(options);
        CpuDevice device(2);
        float losses[2];
        for (int changed : {0, 1}) {
            NetworkRun run(device, network);
            run.fill_batch(5);
            constexpr std::int64_t kSeen = 4;
            for (std::int64_t row = 0; row < options.batch * options.steps; ++row) {
                if (row % options.steps < kSeen) continue;
                run.device_run().tensor("row_weight").as<float>()[row] = 0;
                auto& token = run.device_run().tensor("tokens").as<std::int32_t>()[row];
                token = (token + changed) % static_cast<std::int32_t>(options.vocabulary);
            }
            losses[changed] = run.step(1e-3);
        }
        EXPECT_EQ(losses[0] == losses[1], causal);
    }
}

// Sequences of length 0 to `steps`.
void set_lengths(NetworkRun& run, const LstmOptions& options, std::int64_t extent) {
    for (std::int64_t step = 0; step < options.steps; ++step)
        for (std::int64_t row = 0; row < extent; ++row) {
            const std::int64_t length = row % (options.steps + 1);
            run.device_run().tensor("present_" + std::to_string(step)).as<float>()[row] = step < length ? 1.0F : 0.0F;
        }
}

TEST(LstmNetwork, WhatLiesBeyondASequenceHasNoInfluence) {
    const TrainingNetwork network = lstm_network(kLstm);
    CpuDevice device(2);
    std::vector<std::vector<std::byte>> states;
    for (int changed : {0, 1}) {
        NetworkRun run(device, network);
        constexpr std::int64_t kExtent = 8;
        run.fill_batch(6, kExtent);
        set_lengths(run, kLstm, kExtent);
        for (std::int64_t step = 0; step < kLstm.steps; ++step) {
            const std::string suffix = "_" + std::to_string(step);
            for (std::int64_t row = 0; row < kLstm.batch; ++row) {
                const bool present = run.device_run().tensor("present" + suffix).as<float>()[row] != 0;
                auto& token = run.device_run().tensor("tokens" + suffix).as<std::int32_t>()[row];
                if (!present) token = (token + changed) % static_cast<std::int32_t>(kLstm.vocabulary);
            }
        }
        for (int step = 0; step < 3; ++step)
            EXPECT_TRUE(std::isfinite(run.step(1e-2)));
        states.push_back(run.state());
    }
    EXPECT_TRUE(states[0] == states[1]);
}

// A batch of short sequences in a long program gives the loss that it has in a program of its length.
TEST(LstmNetwork, UnusedStepsChangeNothing) {
    LstmOptions options = kLstm;
    options.dropout = 0;
    CpuDevice device(2);
    std::vector<float> losses;
    for (const std::int64_t steps : {kLstm.steps, kLstm.steps - 2}) {
        options.steps = steps;
        const TrainingNetwork network = lstm_network(options);
        NetworkRun run(device, network);
        run.fill_batch(7);
        for (std::int64_t row = 0; row < options.batch; ++row)
            run.device_run().tensor("target").as<std::int32_t>()[row] =
                static_cast<std::int32_t>(row % options.classes);
        for (std::int64_t step = kLstm.steps - 2; step < steps; ++step)
            std::fill_n(run.device_run().tensor("present_" + std::to_string(step)).as<float>(), options.batch, 0.0F);
        for (int step = 0; step < 2; ++step)
            losses.push_back(run.step(1e-2));
    }
    EXPECT_FLOAT_EQ(losses[0], losses[2]);
    EXPECT_NEAR(losses[1], losses[3], 1e-5);
}

}  // namespace

}  // namespace tensile::test
