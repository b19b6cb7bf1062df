// Whole training and prediction programs on the CPU: agreement with the interpreter, and bits that depend neither on
// the number of threads nor on the batch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "device/cpu/cpu_device.h"
#include "graph/element_updates.h"
#include "graph/interpreter.h"
#include "unit/device/device_run.h"
#include "unit/device/layered_network.h"

namespace tensile::test {

namespace {

void fill(DeviceRun& run, const Program& program, std::int64_t extent) {
    for (const auto ids : {program.inputs(), program.variables()})
        for (ValueId id : ids) {
            const std::string& name = program.value(id).name;
            fill_network_tensor(name, run.tensor(name), extent);
        }
    run.set_extent("batch", extent);
}

std::vector<float> floats(const TensorView& view) {
    const float* begin = view.as<float>();
    return {begin, begin + view.type.shape.elements()};
}

// All variables one after another, and the loss.
std::vector<float> state_of(DeviceRun& run, const Program& program) {
    EXPECT_THAT(run.damaged_guards(), ::testing::IsEmpty());
    std::vector<float> state = floats(run.output("loss"));
    for (ValueId id : program.variables()) {
        const std::vector<float> values = floats(run.tensor(program.value(id).name));
        state.insert(state.end(), values.begin(), values.end());
    }
    return state;
}

std::vector<float> state_after(CpuDevice& device, const Program& program, std::int64_t extent, int steps,
                               const LoweringOptions& options = {}) {
    DeviceRun run(device, program, options);
    fill(run, program, extent);
    for (int step = 0; step < steps; ++step)
        EXPECT_EQ(run.run(), LaunchStatus::kCompleted);
    return state_of(run, program);
}

std::vector<NetworkShape> networks() {
    return {
        {.batch = 256, .features = 40, .hidden = 64},
        {.batch = 256, .features = 104, .hidden = 128, .clip = true},
        {.batch = 100, .features = 33, .hidden = 30, .outputs = 3, .batch_norm = true, .dropout = 0.3},
        {.batch = 1100, .features = 17, .hidden = 50, .layer_norm = true, .dropout = 0.1},
        {.batch = 64, .features = 20, .hidden = 400, .batch_norm = true, .clip = true},
    };
}

class Network : public ::testing::TestWithParam<NetworkShape> {};

TEST_P(Network, TrainsLikeTheInterpreter) {
    for (const std::int64_t missing : {std::int64_t{0}, GetParam().batch / 3}) {
        const Program program = training_program(GetParam());
        const std::int64_t extent = GetParam().batch - missing;
        Interpreter<double> interpreter(program);
        for (const auto ids : {program.inputs(), program.variables()})
            for (ValueId id : ids) {
                // The interpreter holds doubles: fill floats and widen them.
                const Value& value = program.value(id);
                HostTensor& tensor = interpreter.tensor(value.name);
                if (!is_floating(value.type.dtype)) {
                    fill_network_tensor(value.name, TensorView{tensor.bytes.data(), value.type, 0}, extent);
                    continue;
                }
                std::vector<float> content(static_cast<std::size_t>(value.type.shape.elements()));
                fill_network_tensor(value.name, TensorView{content.data(), value.type, 0}, extent);
                std::copy(content.begin(), content.end(), tensor.data<double>());
            }
        interpreter.set_extent("batch", extent);
        interpreter.run();

        CpuDevice device(2);
        DeviceRun run(device, program);
        fill(run, program, extent);
        ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
        EXPECT_THAT(run.damaged_guards(), ::testing::IsEmpty());
        EXPECT_NEAR(floats(run.output("loss"))[0], interpreter.output("loss").data<double>()[0], 1e-5);
        for (ValueId id : program.variables()) {
            const std::string& name = program.value(id).name;
            // The first moments are gradients times 0.1; what Adam makes of a tiny gradient is its sign.
            if (!name.ends_with("/first")) continue;
            const std::vector<float> found = floats(run.tensor(name));
            const double* wanted = interpreter.tensor(name).data<double>();
            double scale = 1e-6;
            for (std::size_t i = 0; i < found.size(); ++i)
                scale = std::max(scale, std::abs(wanted[i]));
            for (std::size_t i = 0; i < found.size(); ++i)
                ASSERT_NEAR(found[i], wanted[i], 1e-4 * scale) << name << " element " << i;
        }
    }
}

TEST_P(Network, TensorsMayMoveBetweenLaunches) {
    const Program program = training_program(GetParam());
    const std::int64_t extent = GetParam().batch - GetParam().batch / 3;
    CpuDevice device(2);
    const std::vector<float> expected = state_after(device, program, extent, 2);
    DeviceRun run(device, program);
    fill(run, program, extent);
    for (int step = 0; step < 2; ++step)
        for (int op = 0; op < static_cast<int>(run.lowered().ops.size()); ++op) {
            run.move_tensors_of(op);
            ASSERT_EQ(run.launch(op), LaunchStatus::kCompleted);
        }
    EXPECT_EQ(state_of(run, program), expected);
}

TEST_P(Network, BitsDoNotDependOnThreads) {
    const Program program = training_program(GetParam());
    const std::int64_t extent = GetParam().batch - 5;
    CpuDevice device(1);
    const std::vector<float> alone = state_after(device, program, extent, 3);
    for (int threads : {2, 4, 3, 2}) {
        device.set_threads(threads);
        const std::vector<float> state = state_after(device, program, extent, 3);
        ASSERT_EQ(state.size(), alone.size());
        EXPECT_EQ(std::memcmp(state.data(), alone.data(), state.size() * sizeof(float)), 0) << threads << " threads";
    }
}

TEST_P(Network, BitsDoNotDependOnSplitChains) {
    const Program program = training_program(GetParam());
    const std::int64_t extent = GetParam().batch - 5;
    CpuDevice device(2);
    const LoweringOptions split{.batch_invariant = false, .split_chains = true};
    EXPECT_GT(device.lower(program, split)->lowered().ops.size(), device.lower(program, {})->lowered().ops.size());
    const std::vector<float> whole = state_after(device, program, extent, 3);
    const std::vector<float> pieces = state_after(device, program, extent, 3, split);
    ASSERT_EQ(whole.size(), pieces.size());
    EXPECT_EQ(std::memcmp(whole.data(), pieces.data(), whole.size() * sizeof(float)), 0);
}

TEST_P(Network, BitsDoNotDependOnSlices) {
    const Program program = training_program(GetParam());
    const std::int64_t extent = GetParam().batch - 5;
    CpuDevice device(2);
    LoweringOptions options{.batch_invariant = false, .split_chains = true};
    const std::size_t ops = device.lower(program, options)->lowered().ops.size();
    const std::vector<float> whole = state_after(device, program, extent, 3, options);
    for (ValueId id : program.variables())
        if (is_updated_by_element(program, id)) options.sliced_variables.push_back(id);
    ASSERT_FALSE(options.sliced_variables.empty());
    for (const std::uint64_t slice_bytes : {64, 832, 1984}) {
        options.slice_bytes = slice_bytes;
        EXPECT_GT(device.lower(program, options)->lowered().ops.size(), ops);
        const std::vector<float> slices = state_after(device, program, extent, 3, options);
        ASSERT_EQ(whole.size(), slices.size());
        EXPECT_EQ(std::memcmp(whole.data(), slices.data(), whole.size() * sizeof(float)), 0) << slice_bytes;
    }
}

TEST_P(Network, PredictionsDoNotDependOnTheBatch) {
    constexpr std::int64_t kRows = 4096;
    NetworkShape shape = GetParam();
    CpuDevice device(2);
    const LoweringOptions options{.batch_invariant = true};
    shape.batch = kRows;
    const Program many = prediction_program(shape);
    DeviceRun all(device, many, options, StreamPriority::kPrediction);
    fill(all, many, kRows);
    ASSERT_EQ(all.run(), LaunchStatus::kCompleted);
    EXPECT_THAT(all.damaged_guards(), ::testing::IsEmpty());
    const std::vector<float> expected = floats(all.output("logits"));
    const std::vector<float> x = floats(all.tensor("x"));

    for (const std::int64_t capacity : {1, 2, 7, 16, 64, 100, 1000}) {
        shape.batch = capacity;
        const Program few = prediction_program(shape);
        DeviceRun some(device, few, options, StreamPriority::kPrediction);
        for (const std::int64_t first : {std::int64_t{0}, std::int64_t{1234}, kRows - capacity}) {
            for (const std::int64_t extent : {capacity, (capacity + 1) / 2}) {
                fill(some, few, extent);
                std::copy_n(x.begin() + first * shape.features, extent * shape.features, some.tensor("x").as<float>());
                ASSERT_EQ(some.run(), LaunchStatus::kCompleted);
                const auto count = static_cast<std::size_t>(extent * shape.outputs);
                EXPECT_EQ(std::memcmp(some.output("logits").data, expected.data() + first * shape.outputs,
                                      count * sizeof(float)),
                          0)
                    << "capacity " << capacity << ", rows from " << first;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Network, ::testing::ValuesIn(networks()));

}  // namespace

}  // namespace tensile::test
