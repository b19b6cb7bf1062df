// What the lowering makes of programs: tile groups, shared buffers, exact scratch, nothing that depends on threads.
#include "device/cpu/lowering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "device/cpu/cpu_device.h"
#include "graph/element_updates.h"
#include "graph/ops/add.h"
#include "graph/ops/bias_add.h"
#include "graph/ops/matmul.h"
#include "graph/ops/relu.h"
#include "graph/ops/scale.h"
#include "graph/ops/sum_all.h"
#include "tensor/error.h"
#include "unit/device/device_run.h"
#include "unit/device/layered_network.h"

namespace tensile::test {

namespace {

TileProgram lower(const Program& program, const LoweringOptions& options = {}) {
    const KernelTable kernels = make_kernel_table();
    const OnednnLibrary library;
    return lower_program(program, options, kernels, library);
}

TEST(Lowering, PredictionIsOneTileGroup) {
    const Program program = prediction_program({.batch = 256, .features = 40, .hidden = 64});
    const TileProgram lowered = lower(program);
    ASSERT_EQ(program.nodes().size(), 8U);
    ASSERT_EQ(lowered.lowered.ops.size(), 1U);
    EXPECT_EQ(lowered.lowered.ops[0].name, "matmul_0..bias_add_7");
    // Bias and activation write where the product has written: one buffer a layer.
    const auto results = std::ranges::count_if(
        lowered.lowered.tensors, [](const LoweredTensor& tensor) { return tensor.kind == LoweredKind::kResult; });
    EXPECT_EQ(results, 3);
}

// A moment is used by nothing but its update, which becomes an op a slice; parameter and gradient stay whole.
TEST(Lowering, UpdatesAreCutIntoSlices) {
    constexpr std::uint64_t kSlice = 4096;
    const Program program = training_program({.batch = 64, .features = 40, .hidden = 64});
    LoweringOptions options{.batch_invariant = false, .split_chains = true, .slice_bytes = kSlice};
    for (const ValueId id : program.variables()) {
        const std::string& name = program.value(id).name;
        EXPECT_EQ(is_updated_by_element(program, id), name.ends_with("/first") || name.ends_with("/second")) << name;
        if (is_updated_by_element(program, id)) options.sliced_variables.push_back(id);
    }
    const TileProgram lowered = lower(program, options);
    for (const ValueId id : options.sliced_variables) {
        const std::uint64_t bytes = program.value(id).type.bytes();
        std::uint64_t end = 0;
        for (std::size_t i = 0; i < lowered.lowered.tensors.size(); ++i) {
            const LoweredTensor& tensor = lowered.lowered.tensors[i];
            if (tensor.value != id) continue;
            EXPECT_EQ(tensor.value_offset, end);
            EXPECT_EQ(tensor.bytes, std::min(kSlice, bytes - end));
            end += tensor.bytes;
            const auto index = static_cast<std::int32_t>(i);
            EXPECT_EQ(std::ranges::count_if(
                          lowered.lowered.ops,
                          [&](const LoweredOp& op) { return std::ranges::find(op.writes, index) != op.writes.end(); }),
                      1)
                << tensor.name;
        }
        EXPECT_EQ(end, bytes);
    }
}

// What a forward pass reads cannot be stored in slices.
TEST(Lowering, OtherVariablesAreNotSliced) {
    const Program program = training_program({.batch = 64, .features = 40, .hidden = 64});
    const LoweringOptions options{.batch_invariant = false,
                                  .split_chains = true,
                                  .sliced_variables = {program.variables()[0]},
                                  .slice_bytes = 4096};
    EXPECT_THROW(lower(program, options), InternalError);
}

TEST(Lowering, TrainingStepHasFewJoins) {
    const Program program = training_program({.batch = 256, .features = 40, .hidden = 64});
    const TileProgram lowered = lower(program);
    EXPECT_GT(program.nodes().size(), 35U);
    EXPECT_LE(lowered.lowered.ops.size(), 12U);
}

// Every lowered op reads only what is fed, kept, constant or written before, and every tensor index is valid.
TEST(Lowering, OpsAreInOrderOfTheirTensors) {
    for (const bool clip : {false, true}) {
        const Program program =
            training_program({.batch = 96, .features = 20, .hidden = 48, .batch_norm = true, .clip = clip});
        const TileProgram lowered = lower(program);
        std::vector<bool> written;
        for (const LoweredTensor& tensor : lowered.lowered.tensors)
            written.push_back(tensor.kind != LoweredKind::kResult && tensor.kind != LoweredKind::kScratch);
        for (const LoweredOp& op : lowered.lowered.ops) {
            for (std::int32_t tensor : op.reads)
                EXPECT_TRUE(written.at(static_cast<std::size_t>(tensor))) << op.name;
            for (std::int32_t tensor : op.writes)
                written.at(static_cast<std::size_t>(tensor)) = true;
        }
        EXPECT_EQ(std::ranges::count(written, false), 0);
    }
}

TEST(Lowering, OutputsAndVariablesKeepTheirTensors) {
    const Program program = training_program({.batch = 32, .features = 20, .hidden = 16});
    const TileProgram lowered = lower(program);
    const auto stores = [&](ValueId id) {
        return std::ranges::count_if(lowered.lowered.tensors, [&](const LoweredTensor& tensor) {
            return tensor.value == program.storage_of(id);
        });
    };
    for (ValueId id : program.inputs())
        EXPECT_EQ(stores(id), 1);
    for (ValueId id : program.variables())
        EXPECT_EQ(stores(id), 1);
    for (const NamedValue& output : program.outputs())
        EXPECT_EQ(stores(output.value), 1);
}

// An intermediate value that is an output, or is read again later, keeps its own buffer.
TEST(Lowering, SharesABufferOnlyWithTheLastReader) {
    ProgramBuilder builder("shared");
    const ValueId x = builder.input("x", {DType::kF32, {32, 8}});
    const ValueId first = ops::relu(builder, x);
    const ValueId second = ops::relu(builder, first);
    const ValueId third = ops::add(builder, first, second);
    const ValueId fourth = ops::relu(builder, third);
    builder.output("third", third);
    builder.output("fourth", fourth);
    const Program program = builder.finish();
    CpuDevice device(1);
    DeviceRun run(device, program);
    float* values = run.tensor("x").as<float>();
    for (int i = 0; i < 32 * 8; ++i)
        values[i] = static_cast<float>(i - 100);
    ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
    for (int i = 0; i < 32 * 8; ++i) {
        const float expected = 2.0F * static_cast<float>(std::max(i - 100, 0));
        EXPECT_EQ(run.output("third").as<float>()[i], expected);
        EXPECT_EQ(run.output("fourth").as<float>()[i], expected);
    }
    EXPECT_NE(run.output("third").data, run.output("fourth").data);
}

// A value that is read whole ends the chain that computes it, although its rows match.
TEST(Lowering, ReadingWholeEndsAChain) {
    constexpr std::int64_t kRows = 64;
    ProgramBuilder builder("whole");
    const ValueId x = builder.input("x", {DType::kF32, {kRows, kRows}});
    const ValueId square = ops::relu(builder, x);
    builder.output("y", ops::matmul(builder, square, square));
    const Program program = builder.finish();
    EXPECT_EQ(lower(program).lowered.ops.size(), 2U);
    CpuDevice device(2);
    DeviceRun run(device, program);
    std::fill_n(run.tensor("x").as<float>(), kRows * kRows, 1.0F);
    ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
    EXPECT_EQ(run.output("y").as<float>()[kRows * kRows - 1], static_cast<float>(kRows));
}

// A chain is cut before a tile of its fewest rows would take long: a product of 16 rows here takes 0.4 ms of the 3 ms
// that a tile may take.
TEST(Lowering, LongChainsAreCut) {
    constexpr std::int64_t kWidth = 1000;
    const auto chain = [](int layers) {
        ProgramBuilder builder("chain");
        ValueId x = builder.input("x", {DType::kF32, {64, kWidth}});
        const ValueId weight = builder.variable("weight", {DType::kF32, {kWidth, kWidth}});
        for (int layer = 0; layer < layers; ++layer)
            x = ops::relu(builder, ops::matmul(builder, x, weight));
        builder.output("y", x);
        return builder.finish();
    };
    EXPECT_EQ(lower(chain(4)).lowered.ops.size(), 1U);
    const TileProgram lowered = lower(chain(40));
    EXPECT_GE(lowered.lowered.ops.size(), 5U);
    EXPECT_LE(lowered.lowered.ops.size(), 10U);
    for (const LoweredOp& op : lowered.lowered.ops)
        EXPECT_LE(op.flops / 64 * 16, 3e6 * 80) << op.name;
}

TEST(Lowering, DoesNotDependOnThreads) {
    const Program program = training_program({.batch = 300, .features = 40, .hidden = 100, .clip = true});
    CpuDevice one(1);
    CpuDevice many(8);
    const auto text = [&](CpuDevice& device) {
        std::string result;
        const auto executable = device.lower(program, {});
        for (const LoweredTensor& tensor : executable->lowered().tensors)
            result += tensor.name + " " + std::to_string(tensor.bytes) + "\n";
        for (const LoweredOp& op : executable->lowered().ops)
            result += op.name + "\n";
        return result;
    };
    EXPECT_EQ(text(one), text(many));
}

// A wide product is cut in both dimensions, and rows beyond the extent stay neutral for the product that sums over
// them.
TEST(Lowering, WideProductsKeepAbsentRowsNeutral) {
    constexpr std::int64_t kRows = 64;
    constexpr std::int64_t kPresent = 37;
    constexpr std::int64_t kWide = 2600;
    ProgramBuilder builder("wide");
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("x", {DType::kF32, Shape::bounded(kRows, batch, {kWide})});
    const ValueId left = builder.input("left", {DType::kF32, Shape::bounded(kRows, batch, {3})});
    const ValueId weight = builder.variable("weight", {DType::kF32, {kWide, kWide}});
    const ValueId y = ops::matmul(builder, x, weight);
    builder.output("y", y);
    builder.output("gradient", ops::matmul(builder, left, y, true, false));
    const Program program = builder.finish();
    const TileProgram lowered = lower(program);
    EXPECT_GE(lowered.ops[0].phases[0].tiles(), 8);

    CpuDevice device(2);
    DeviceRun run(device, program);
    run.set_extent("batch", kPresent);
    std::fill_n(run.tensor("weight").as<float>(), kWide * kWide, 0.5F);
    float* values = run.tensor("x").as<float>();
    for (std::int64_t i = 0; i < kRows * kWide; ++i)
        values[i] = i < kPresent * kWide ? 0.25F : std::numeric_limits<float>::infinity();
    std::fill_n(run.tensor("left").as<float>(), kRows * 3, 1.0F);
    ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
    EXPECT_THAT(run.damaged_guards(), ::testing::IsEmpty());
    EXPECT_FLOAT_EQ(run.output("y").as<float>()[kPresent * kWide - 1], 0.125F * kWide);
    EXPECT_FLOAT_EQ(run.output("gradient").as<float>()[0], 0.125F * kWide * kPresent);
}

TEST(Lowering, RefusesTypesWithoutKernels) {
    ProgramBuilder builder("double");
    const ValueId x = builder.input("x", {DType::kF64, {4}});
    builder.output("y", ops::relu(builder, x));
    const Program program = builder.finish();
    try {
        lower(program);
        FAIL() << "an op without kernel was lowered";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kFeatureNotSupported);
        EXPECT_THAT(error.message(), ::testing::HasSubstr("\"relu\""));
    }
}

TEST(CpuDevice, SaysWhatItsBitsDependOn) {
    const CpuDevice device(3);
    EXPECT_EQ(device.properties().kind, "cpu");
    EXPECT_THAT(device.properties().instruction_set, ::testing::AnyOf("AVX-512", "AVX2", "SSE4.1", "scalar"));
    EXPECT_THAT(device.properties().kernel_library, ::testing::MatchesRegex("oneDNN [0-9]+\\.[0-9]+\\.[0-9]+.*"));
    EXPECT_EQ(device.threads(), 3);
}

TEST(CpuDevice, AStoppedLaunchSaysSoAndTheNextOneRuns) {
    const Program program = training_program({.batch = 256, .features = 40, .hidden = 64});
    CpuDevice device(2);
    DeviceRun run(device, program);
    for (const auto ids : {program.inputs(), program.variables()})
        for (ValueId id : ids)
            fill_network_tensor(program.value(id).name, run.tensor(program.value(id).name), 256);
    const StopFlag stop{true};
    EXPECT_EQ(run.run(&stop), LaunchStatus::kStopped);
    EXPECT_EQ(run.run(), LaunchStatus::kCompleted);
}

TEST(CpuDevice, ParallelForCoversEveryPieceOnce) {
    CpuDevice device(3);
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    for (const std::int64_t count : {0, 1, 63, 64, 65, 1000}) {
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
        stream->parallel_for(count, 64, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i)
                ++seen[static_cast<std::size_t>(i)];
        });
        for (const auto& times : seen)
            ASSERT_EQ(times.load(), 1);
    }
}

TEST(CpuDevice, DiscardedPagesReadAsZeros) {
    CpuDevice device(1);
    constexpr std::size_t kBytes = 1 << 20;
    std::byte* slab = device.reserve_slab(kBytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slab) % 64, 0U);
    std::memset(slab, 0x11, kBytes);
    // Bytes that share a page with what is kept stay.
    device.discard(slab + 100, 3 * 4096);
    EXPECT_EQ(slab[99], std::byte{0x11});
    EXPECT_EQ(slab[4096], std::byte{0});
    EXPECT_EQ(slab[3 * 4096 + 200], std::byte{0x11});
    EXPECT_THROW(device.reserve_slab(kBytes), InternalError);
}

}  // namespace

}  // namespace tensile::test
