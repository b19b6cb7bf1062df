// Convolutions at sizes that take several tiles, pieces of terms, blocks of weights and spans of pixels, against the
// interpreter; bits that do not depend on the number of threads; and tiles that are short enough for the stop flag.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "device/cpu/cpu_device.h"
#include "graph/interpreter.h"
#include "graph/ops/convolution_2d.h"
#include "graph/ops/max_pool_2d.h"
#include "tensor/random.h"
#include "unit/device/device_run.h"

namespace tensile::test {

namespace {

struct Layer {
    const char* label;
    std::int64_t images;
    std::int64_t channels;
    std::int64_t kernels;
    ops::Window window;
};

// How GoogleTest shows a layer.
void PrintTo(const Layer& layer, std::ostream* stream) {
    *stream << layer.label;
}

TensorType f32(std::int64_t rows, std::int64_t columns) {
    return {DType::kF32, {rows, columns}};
}

// A convolution and both its gradients.
Program program_of(const Layer& layer) {
    ProgramBuilder builder(layer.label);
    const ops::Window& window = layer.window;
    const ValueId x = builder.input("x", f32(layer.images * window.input().pixels(), layer.channels));
    const ValueId weights = builder.input("weights", f32(window.taps() * layer.channels, layer.kernels));
    const ValueId dy = builder.input("dy", f32(layer.images * window.output().pixels(), layer.kernels));
    builder.output("y", ops::convolution_2d(builder, x, weights, window));
    builder.output("dx", ops::convolution_2d_gradient_input(builder, dy, weights, window));
    builder.output("dweights", ops::convolution_2d_gradient_weights(builder, x, dy, window));
    return builder.finish();
}

void fill(const TensorView& view, std::uint64_t stream) {
    for (std::int64_t i = 0; i < view.type.shape.elements(); ++i)
        view.as<float>()[i] = static_cast<float>(2 * random_uniform(3, stream, static_cast<std::uint64_t>(i)) - 1);
}

void fill_inputs(const Program& program, DeviceRun& run) {
    std::uint64_t stream = 0;
    for (ValueId id : program.inputs())
        fill(run.tensor(program.value(id).name), stream++);
}

class Convolution : public ::testing::TestWithParam<Layer> {};

TEST_P(Convolution, AgreesWithTheInterpreter) {
    const Program program = program_of(GetParam());
    Interpreter<float> interpreter(program);
    std::uint64_t stream = 0;
    for (ValueId id : program.inputs()) {
        HostTensor& tensor = interpreter.tensor(program.value(id).name);
        fill({tensor.bytes.data(), tensor.type, 0}, stream++);
    }
    interpreter.run();
    CpuDevice device(3);
    DeviceRun run(device, program);
    fill_inputs(program, run);
    ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
    EXPECT_TRUE(run.damaged_guards().empty());
    for (const NamedValue& output : program.outputs()) {
        const TensorView found = run.output(output.name);
        const float* wanted = interpreter.output(output.name).data<float>();
        // Sums of up to some thousand products of numbers below 1.
        for (std::int64_t i = 0; i < found.type.shape.elements(); ++i)
            ASSERT_NEAR(found.as<float>()[i], wanted[i], 2e-4) << output.name << " " << i;
    }
}

TEST_P(Convolution, BitsDoNotDependOnThreads) {
    const Program program = program_of(GetParam());
    CpuDevice device(1);
    const auto results = [&] {
        DeviceRun run(device, program);
        fill_inputs(program, run);
        EXPECT_EQ(run.run(), LaunchStatus::kCompleted);
        std::vector<float> all;
        for (const NamedValue& output : program.outputs()) {
            const TensorView view = run.output(output.name);
            all.insert(all.end(), view.as<float>(), view.as<float>() + view.type.shape.elements());
        }
        return all;
    };
    const std::vector<float> alone = results();
    for (int threads : {2, 4}) {
        device.set_threads(threads);
        const std::vector<float> together = results();
        ASSERT_EQ(together.size(), alone.size());
        EXPECT_EQ(std::memcmp(together.data(), alone.data(), alone.size() * sizeof(float)), 0) << threads << " threads";
    }
}

INSTANTIATE_TEST_SUITE_P(Layers, Convolution,
                         ::testing::Values(Layer{"blocks", 2, 96, 144, {23, 19, 3, 3, 1, 1, 1}},
                                           Layer{"stride2", 3, 48, 40, {29, 26, 3, 3, 2, 1, 1}},
                                           Layer{"stem", 2, 3, 64, {37, 41, 7, 7, 2, 3, 3}},
                                           Layer{"rectangle", 3, 40, 24, {17, 17, 1, 7, 1, 0, 3}},
                                           Layer{"few_pixels", 2, 300, 33, {3, 3, 3, 3, 1, 1, 1}}),
                         [](const auto& info) { return std::string(info.param.label); });

// Layers of VGG-16 and ResNet-50 at batch 16.
TEST(ConvolutionTiles, AreShortAndCoverTheWork) {
    const Layer layers[] = {{"vgg_1_2", 16, 64, 64, {224, 224, 3, 3, 1, 1, 1}},
                            {"vgg_3_2", 16, 256, 256, {56, 56, 3, 3, 1, 1, 1}},
                            {"vgg_5_1", 16, 512, 512, {14, 14, 3, 3, 1, 1, 1}},
                            {"resnet_stem", 16, 3, 64, {224, 224, 7, 7, 2, 3, 3}},
                            {"wide", 2, 2048, 1024, {14, 14, 3, 3, 1, 1, 1}}};
    const KernelTable table = make_kernel_table();
    for (const Layer& layer : layers) {
        const Program program = program_of(layer);
        for (const Node& node : program.nodes()) {
            std::vector<TensorType> inputs;
            std::vector<TensorType> outputs;
            for (ValueId id : node.inputs)
                inputs.push_back(program.value(id).type);
            for (ValueId id : node.outputs)
                outputs.push_back(program.value(id).type);
            const KernelPlan plan = (*table.plan(node.op->name()))({inputs, outputs, node.attributes});
            const double flops = node.op->cost(inputs, outputs, node.attributes).flops;
            // 5 ms at 80 Gflop/s, on average; the last tiles are smaller.
            EXPECT_LE(flops / static_cast<double>(plan.phases[0].items), 400e6) << layer.label << node.op->name();
            EXPECT_GE(plan.phases[0].items, 8) << layer.label << node.op->name();
            // Partial gradients stay within the size of the maps that they are made of.
            EXPECT_LE(plan.scratch_bytes, inputs[0].bytes() + inputs[1].bytes()) << layer.label << node.op->name();
        }
    }
}

TEST(MaxPool, GivesEachGradientToTheFirstOfEqualPixels) {
    constexpr std::int64_t kChannels = 19;
    const ops::Window window{4, 6, 3, 3, 2, 1, 1};
    ProgramBuilder builder("pool");
    const ValueId x = builder.input("x", f32(window.input().pixels(), kChannels));
    const ValueId dy = builder.input("dy", f32(window.output().pixels(), kChannels));
    builder.output("dx", ops::max_pool_2d_gradient(builder, x, dy, window));
    const Program program = builder.finish();
    CpuDevice device(1);
    DeviceRun run(device, program);
    std::fill_n(run.tensor("x").as<float>(), window.input().pixels() * kChannels, 0.0F);
    std::fill_n(run.tensor("dy").as<float>(), window.output().pixels() * kChannels, 1.0F);
    ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
    // All pixels are equal: the first that each of the 2 x 3 windows sees.
    for (std::int64_t pixel = 0; pixel < window.input().pixels(); ++pixel) {
        const std::int64_t y = pixel / window.width;
        const std::int64_t column = pixel % window.width;
        const bool first = (y == 0 || y == 1) && (column == 0 || column == 1 || column == 3);
        for (std::int64_t c = 0; c < kChannels; ++c)
            EXPECT_EQ(run.output("dx").as<float>()[pixel * kChannels + c], first ? 1.0F : 0.0F) << pixel;
    }
}

}  // namespace

}  // namespace tensile::test
