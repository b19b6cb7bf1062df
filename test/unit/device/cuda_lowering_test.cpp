// What the lowering for CUDA devices makes of programs: one op a node, shared buffers, aliases, slices, exact scratch,
// one kernel a problem.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "device/cpu/cpu_device.h"
#include "device/cuda/cuda_problem.h"
#include "graph/element_updates.h"
#include "graph/ops/add.h"
#include "graph/ops/matmul.h"
#include "graph/ops/relu.h"
#include "tensor/error.h"
#include "unit/device/cuda_rig.h"

namespace tensile::test {

namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr NetworkShape kSmall{.batch = 24, .features = 10, .hidden = 12};

Program products(DType dtype = DType::kF32) {
    ProgramBuilder builder("products");
    const ValueId x = builder.input("x", {dtype, {8, 4}});
    const ValueId weight = builder.variable("weight", {dtype, {4, 4}});
    builder.output("y", ops::matmul(builder, ops::matmul(builder, x, weight), weight));
    return builder.finish();
}

TEST(CudaLowering, MakesOneOpOfEachNode) {
    CudaRig rig;
    const Program program = training_program(kSmall);
    const auto executable = rig.device().lower(program, {});
    ASSERT_EQ(executable->lowered().ops.size(), program.nodes().size());
    EXPECT_EQ(executable->lowered().ops[0].name, "matmul_0");
    EXPECT_GT(executable->lowered().ops[0].flops, 2.0 * 24 * 10 * 11);
    EXPECT_GT(executable->lowered().ops[0].bytes, 4.0 * 24 * 10);
    EXPECT_EQ(executable->lowered().name, "train");
}

TEST(CudaLowering, ReadsOnlyWhatIsThereAndNamesWhatItWrites) {
    CudaRig rig;
    const Program program = training_program({.batch = 24, .features = 10, .hidden = 12, .batch_norm = true});
    const auto executable = rig.device().lower(program, {});
    const LoweredProgram& lowered = executable->lowered();
    std::vector<bool> written;
    for (const LoweredTensor& tensor : lowered.tensors)
        written.push_back(tensor.kind != LoweredKind::kResult && tensor.kind != LoweredKind::kScratch);
    for (const LoweredOp& op : lowered.ops) {
        for (const std::int32_t tensor : op.reads)
            EXPECT_TRUE(written[static_cast<std::size_t>(tensor)]) << op.name;
        for (const std::int32_t tensor : op.writes)
            written[static_cast<std::size_t>(tensor)] = true;
    }
    EXPECT_THAT(written, Not(Contains(false)));
}

// The fake's kernels may write over any input of the result's size.
TEST(CudaLowering, WritesOverInputsThatNobodyNeeds) {
    CudaRig rig;
    ProgramBuilder builder("chain");
    const ValueId x = builder.input("x", {DType::kF32, {32, 8}});
    const ValueId first = ops::relu(builder, x);
    const ValueId second = ops::relu(builder, first);        // first is read again: not in its place
    const ValueId third = ops::add(builder, first, second);  // in the place of the first
    const ValueId fourth = ops::relu(builder, third);        // third is an output: not in its place
    builder.output("third", third);
    builder.output("fourth", fourth);
    const Program program = builder.finish();
    const auto executable = rig.device().lower(program, {});
    std::vector<std::string> names;
    for (const LoweredTensor& tensor : executable->lowered().tensors)
        if (tensor.kind == LoweredKind::kResult) names.push_back(tensor.name);
    EXPECT_THAT(names, ElementsAre("third", "relu_1", "fourth"));
    // In place: the tensor is read and written.
    const LoweredOp& add = executable->lowered().ops[2];
    EXPECT_THAT(add.reads, Contains(add.writes[0]));
}

TEST(CudaLowering, ScratchIsATensorOfItsOwnWithRoomForItsAlignment) {
    CudaRig rig({.scratch_bytes = 1000});
    const Program program = products();
    const auto executable = rig.device().lower(program, {});
    for (const LoweredOp& op : executable->lowered().ops) {
        const LoweredTensor& scratch = executable->lowered().tensors[static_cast<std::size_t>(op.writes.back())];
        EXPECT_EQ(scratch.kind, LoweredKind::kScratch);
        EXPECT_EQ(scratch.name, op.name + ".scratch");
        EXPECT_EQ(scratch.bytes, 1000U + 192U);
    }
}

TEST(CudaLowering, EqualProblemsShareAKernel) {
    CudaRig rig;
    const Program program = products();
    const auto executable = rig.device().lower(program, {});
    EXPECT_EQ(rig.plugin().counters().prepared, 1U);
    const auto same = rig.device().lower(program, {});
    EXPECT_EQ(rig.plugin().counters().prepared, 1U);
    const auto invariant = rig.device().lower(program, {.batch_invariant = true});
    EXPECT_EQ(rig.plugin().counters().prepared, 2U);
}

TEST(CudaLowering, ChoicesOfAlgorithmsAreKeptAndHandedOver) {
    const Program program = products();
    AlgorithmChoices choices;
    {
        CudaRig rig;
        choices = rig.device().lower(program, {})->algorithm_choices();
        ASSERT_EQ(choices.size(), 1U);
        EXPECT_EQ(choices.begin()->first,
                  "matmul(f32[8, 4], f32[4, 4]) -> f32[8, 4] {transpose_a=0, transpose_b=0} float32");
        EXPECT_THAT(choices.begin()->second, ElementsAre('f', 'a', 'k', 'e'));
        // The kernel is gone with its last program, the choice is not.
        rig.device().lower(program, {});
        EXPECT_EQ(rig.plugin().counters().prepared, 2U);
        EXPECT_EQ(rig.plugin().counters().prepared_again, 1U);
    }
    CudaRig rig;
    rig.device().merge_algorithm_choices(choices);
    const auto executable = rig.device().lower(program, {});
    EXPECT_EQ(rig.plugin().counters().prepared_again, 1U);
    EXPECT_EQ(executable->algorithm_choices(), choices);
}

TEST(CudaLowering, AChoiceThatThePluginPassesOverIsReplaced) {
    CudaRig rig;
    const Program program = products();
    const std::string text = "matmul(f32[8, 4], f32[4, 4]) -> f32[8, 4] {transpose_a=0, transpose_b=0} float32";
    rig.device().merge_algorithm_choices({{text, {1, 2, 3}}});
    EXPECT_THAT(rig.device().lower(program, {})->algorithm_choices()[text], ElementsAre('f', 'a', 'k', 'e'));
    EXPECT_EQ(rig.plugin().counters().prepared_again, 0U);
    // The kernel is gone with its program; the next one is given the plug-in's own choice.
    rig.device().lower(program, {});
    EXPECT_EQ(rig.plugin().counters().prepared_again, 1U);
}

TEST(CudaLowering, AnOpWithoutKernelIsAnError) {
    CudaRig rig({.without_kernel = {"matmul"}});
    const Program program = products();
    try {
        rig.device().lower(program, {});
        FAIL() << "an op without kernel was lowered";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kFeatureNotSupported);
        EXPECT_EQ(error.message(), "could not prepare operation \"matmul\": not supported on this device");
        EXPECT_EQ(error.hint(), "Setting tensile.device to 'cpu' runs it on the CPU.");
    }
    EXPECT_THAT(rig.faults(), IsEmpty());
}

TEST(CudaLowering, TrainsAsTheInterpreterDoes) {
    for (const bool clip : {false, true}) {
        const Program program =
            training_program({.batch = 24, .features = 10, .hidden = 12, .batch_norm = true, .clip = clip});
        CudaRig rig;
        DeviceRun run(rig.device(), program, {}, StreamPriority::kTraining, rig.take(2 << 20));
        fill_network(run, program, 17);
        for (int step = 0; step < 3; ++step)
            ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
        EXPECT_EQ(network_state(run, program), interpreted_state(program, 17, 3));
        EXPECT_THAT(rig.plugin().complaints(), IsEmpty());
    }
}

// Moments in slices, one op each: the same bits.
TEST(CudaLowering, UpdatesAreCutIntoSlices) {
    constexpr std::uint64_t kSlice = 128;
    const Program program = training_program(kSmall);
    LoweringOptions options{.split_chains = true, .slice_bytes = kSlice};
    for (const ValueId id : program.variables())
        if (is_updated_by_element(program, id)) options.sliced_variables.push_back(id);
    ASSERT_FALSE(options.sliced_variables.empty());
    CudaRig rig;
    DeviceRun run(rig.device(), program, options, StreamPriority::kTraining, rig.take(2 << 20));
    EXPECT_GT(run.lowered().ops.size(), program.nodes().size());
    for (const ValueId id : options.sliced_variables) {
        std::uint64_t end = 0;
        for (std::size_t i = 0; i < run.lowered().tensors.size(); ++i) {
            const LoweredTensor& tensor = run.lowered().tensors[i];
            if (tensor.value != id) continue;
            EXPECT_EQ(tensor.value_offset, end);
            EXPECT_EQ(tensor.bytes, std::min(kSlice, program.value(id).type.bytes() - end));
            end += tensor.bytes;
            const auto index = static_cast<std::int32_t>(i);
            EXPECT_EQ(std::ranges::count_if(
                          run.lowered().ops,
                          [&](const LoweredOp& op) { return std::ranges::find(op.writes, index) != op.writes.end(); }),
                      1);
        }
        EXPECT_EQ(end, program.value(id).type.bytes());
    }
    fill_network(run, program, 24);
    for (int step = 0; step < 2; ++step)
        ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
    EXPECT_EQ(network_state(run, program), interpreted_state(program, 24, 2));
    EXPECT_THAT(rig.plugin().complaints(), IsEmpty());
}

TEST(CudaLowering, OtherVariablesAreNotSliced) {
    CudaRig rig;
    const Program program = training_program(kSmall);
    const LoweringOptions options{
        .split_chains = true, .sliced_variables = {program.variables()[0]}, .slice_bytes = 128};
    EXPECT_THROW(rig.device().lower(program, options), InternalError);
}

// What the plug-in makes of it is tested with the plug-in; the fake's rows never depend on their number.
TEST(CudaLowering, AsksForRowsThatDoNotDependOnTheirNumber) {
    const Program program = products();
    const Node& node = program.nodes().front();
    const TensorType inputs[] = {program.value(node.inputs[0]).type, program.value(node.inputs[1]).type};
    const TensorType outputs[] = {program.value(node.outputs[0]).type};
    for (const bool invariant : {false, true}) {
        const CudaProblem problem(*node.op, node.attributes, inputs, outputs, {.batch_invariant = invariant});
        EXPECT_EQ(problem.view().row_invariant, invariant ? 1 : 0);
        EXPECT_EQ(problem.view().deterministic, 1);
    }
}

// Products round their operands, the sums and all else do not.
TEST(CudaLowering, PassesThePrecisionOn) {
    const Program program = products();
    constexpr float kFine = 1 + 1.0F / 1024;  // 1 in bf16
    for (const bool rounds : {false, true}) {
        CudaRig rig;
        const LoweringOptions options{.precision = rounds ? Precision::kBFloat16 : Precision::kFloat32};
        DeviceRun run(rig.device(), program, options, StreamPriority::kTraining, rig.take(1 << 20));
        std::fill_n(run.tensor("x").as<float>(), 32, kFine);
        std::fill_n(run.tensor("weight").as<float>(), 16, 0.25F);
        ASSERT_EQ(run.run(), LaunchStatus::kCompleted);
        EXPECT_EQ(run.output("y").as<float>()[0], rounds ? 1.0F : kFine);
    }
}

TEST(CudaLowering, TheCpuRefusesOtherPrecisions) {
    CpuDevice device(1);
    const Program program = products();
    try {
        device.lower(program, {.precision = Precision::kBFloat16});
        FAIL() << "the CPU took bf16";
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), sqlstate::kFeatureNotSupported);
        EXPECT_EQ(error.message(), "the CPU computes in precision \"float32\" only");
        EXPECT_THAT(error.hint(), HasSubstr("precision => 'float32'"));
    }
}

TEST(CudaLowering, ABindingNeedsAllAddresses) {
    CudaRig rig;
    const Program program = products();
    const auto executable = rig.device().lower(program, {});
    EXPECT_THROW(executable->bind({}), InternalError);
}

}  // namespace

}  // namespace tensile::test
