// The builder's rules: names, aliases, pruning, and how a program prints.
#include "graph/program.h"

#include <gtest/gtest.h>

#include "graph/ops/add.h"
#include "graph/ops/column_sum.h"
#include "graph/ops/copy.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/matmul.h"
#include "graph/ops/moving_average_update.h"
#include "graph/ops/relu.h"
#include "graph/ops/square.h"

namespace tensile {
namespace {

const TensorType kVector{DType::kF32, {4}};

TEST(ProgramBuilder, TypesComeFromTheShapeRules) {
    ProgramBuilder builder("types");
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("x", {DType::kF32, Shape::bounded(8, batch, {3})});
    const ValueId weight = builder.variable("weight", {DType::kF32, {3, 5}});
    const ValueId y = ops::matmul(builder, x, weight);
    EXPECT_EQ(builder.type(y), (TensorType{DType::kF32, Shape::bounded(8, batch, {5})}));
    EXPECT_EQ(builder.type(ops::column_sum(builder, y)), (TensorType{DType::kF32, {5}}));
    EXPECT_THROW(ops::matmul(builder, weight, x), InternalError);
    EXPECT_THROW(ops::add(builder, x, weight), InternalError);
    EXPECT_THROW(ops::add(builder, x, ValueId{}), InternalError);
    EXPECT_THROW(ops::add(builder, x, ValueId{99}), InternalError);
}

TEST(ProgramBuilder, AVariableIsDeclaredOnce) {
    ProgramBuilder builder("variables");
    const ValueId first = builder.variable("w", kVector);
    EXPECT_EQ(builder.variable("w", kVector), first);
    EXPECT_THROW(builder.variable("w", {DType::kF32, {5}}), InternalError);
    const std::int16_t batch = builder.extent("batch");
    EXPECT_THROW(builder.variable("bounded", {DType::kF32, Shape::bounded(4, batch)}), InternalError);
}

TEST(ProgramBuilder, NamesAreUnique) {
    ProgramBuilder builder("names");
    const ValueId x = builder.input("x", kVector);
    EXPECT_THROW(builder.input("x", kVector), InternalError);
    EXPECT_THROW(builder.input("", kVector), InternalError);
    EXPECT_THROW(builder.variable("x", kVector), InternalError);
    EXPECT_THROW(builder.output("x", x), InternalError);
    builder.output("y", x);
    EXPECT_THROW(builder.output("y", x), InternalError);
    builder.extent("batch");
    EXPECT_THROW(builder.extent("batch"), InternalError);
    EXPECT_THROW(builder.input("z", {DType::kF32, Shape::bounded(4, 1)}), InternalError);
}

TEST(ProgramBuilder, ConstantsMustFitTheirType) {
    ProgramBuilder builder("constants");
    const float data[] = {1, 2, 3};
    EXPECT_THROW(builder.constant(kVector, std::as_bytes(std::span(data))), InternalError);
    const ValueId constant = builder.constant({DType::kF32, {3}}, std::as_bytes(std::span(data)));
    EXPECT_EQ(builder.value(constant).data.size(), sizeof data);
}

TEST(ProgramAliases, AnUpdatedValueMustNotBeReadAgain) {
    ProgramBuilder builder("aliases");
    const ValueId running = builder.variable("running", kVector);
    const ValueId sample = builder.input("sample", kVector);
    const ValueId updated = ops::moving_average_update(builder, running, sample, 0.9);
    EXPECT_THROW(ops::add(builder, running, sample), InternalError);
    EXPECT_THROW(ops::moving_average_update(builder, running, sample, 0.9), InternalError);
    EXPECT_NO_THROW(ops::add(builder, updated, sample));
}

TEST(ProgramAliases, AChainSharesTheBufferOfItsStart) {
    ProgramBuilder builder("chain");
    const ValueId running = builder.variable("running", kVector);
    const ValueId sample = builder.input("sample", kVector);
    const ValueId once = ops::moving_average_update(builder, running, sample, 0.9);
    const ValueId twice = ops::moving_average_update(builder, once, sample, 0.5);
    builder.output("twice", twice);
    builder.output("other", ops::add(builder, twice, sample));
    const Program program = builder.finish();
    ASSERT_EQ(program.variables().size(), 1U);
    EXPECT_EQ(program.storage_of(program.outputs()[0].value), program.variables()[0]);
    EXPECT_EQ(program.storage_of(program.outputs()[1].value), program.outputs()[1].value);
    EXPECT_EQ(program.nodes()[1].aliases[0].input, 0);
}

TEST(ProgramAliases, OnlyVariablesAndResultsMayBeUpdated) {
    ProgramBuilder builder("targets");
    const ValueId input = builder.input("input", kVector);
    const ValueId other = builder.input("other", kVector);
    const float data[] = {1, 2, 3, 4};
    const ValueId constant = builder.constant(kVector, std::as_bytes(std::span(data)));
    EXPECT_THROW(ops::copy(builder, input, other), InternalError);
    EXPECT_THROW(ops::copy(builder, constant, other), InternalError);
    const ValueId result = ops::relu(builder, input);
    EXPECT_THROW(ops::copy(builder, result, result), InternalError);
    EXPECT_NO_THROW(ops::copy(builder, result, other));
}

TEST(ProgramAliases, AnOutputMustSurviveTheProgram) {
    ProgramBuilder builder("output");
    const ValueId running = builder.variable("running", kVector);
    builder.output("before", running);
    ops::moving_average_update(builder, running, builder.input("sample", kVector), 0.9);
    EXPECT_THROW(builder.finish(), InternalError);
}

TEST(ProgramFinish, DropsWhatNothingNeeds) {
    ProgramBuilder builder("pruned");
    const ValueId x = builder.input("x", kVector);
    builder.input("unused_input", kVector);
    builder.variable("unused_variable", kVector);
    const ValueId running = builder.variable("running", kVector);
    const ValueId dead = ops::square(builder, x);
    ops::add(builder, dead, x);
    const ValueId sample = ops::relu(builder, x);
    ops::moving_average_update(builder, running, sample, 0.9);  // writes a variable: needed without any reader
    const ValueId scratch = ops::add(builder, x, x);
    ops::copy(builder, scratch, x);  // overwrites a result that nobody reads: not needed
    builder.output("y", ops::square(builder, sample));
    const Program program = builder.finish();

    std::vector<std::string_view> ops;
    for (const Node& node : program.nodes())
        ops.push_back(node.op->name());
    EXPECT_EQ(ops, (std::vector<std::string_view>{"relu", "moving_average_update", "square"}));
    EXPECT_EQ(program.inputs().size(), 2U) << "an input stays: the feeder goes by their order";
    EXPECT_EQ(program.variables().size(), 1U);
    EXPECT_EQ(program.values().size(), 6U);
    for (std::size_t i = 0; i < program.nodes().size(); ++i)
        for (ValueId id : program.nodes()[i].outputs)
            EXPECT_EQ(program.value(id).producer, static_cast<std::int32_t>(i));
    EXPECT_EQ(program.value(program.outputs()[0].value).name, "y");
}

TEST(ProgramFinish, KeepsAVariableThatIsOnlyAnOutput) {
    ProgramBuilder builder("read");
    builder.output("now", builder.variable("w", kVector));
    const Program program = builder.finish();
    ASSERT_EQ(program.variables().size(), 1U);
    EXPECT_EQ(program.outputs()[0].value, program.variables()[0]);
    EXPECT_EQ(program.value(program.variables()[0]).name, "w");
}

TEST(ProgramFinish, SpendsTheBuilder) {
    ProgramBuilder builder("spent");
    const ValueId x = builder.input("x", kVector);
    builder.finish();
    EXPECT_THROW(ops::relu(builder, x), InternalError);
    EXPECT_THROW(builder.finish(), InternalError);
}

TEST(Program, PrintsOneLineANode) {
    ProgramBuilder builder("printed");
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("x", {DType::kF32, Shape::bounded(256, batch, {3})});
    const ValueId weight = builder.variable("weight", {DType::kF32, {3, 3}});
    const ValueId running = builder.variable("running", {DType::kF32, {3}});
    const ValueId gamma = builder.variable("gamma", {DType::kF32, {3}});
    const ValueId y = ops::matmul(builder, x, weight);
    const ops::LayerNorm norm = ops::layer_norm(builder, y, gamma, gamma, 1e-5);
    ops::moving_average_update(builder, running, ops::column_sum(builder, norm.y), 0.9);
    builder.output("y", norm.y);
    EXPECT_EQ(builder.finish().to_string(),
              "program \"printed\"\n"
              "extent \"batch\"\n"
              "%0 = input \"x\" : f32[256?, 3]\n"
              "%1 = variable \"weight\" : f32[3, 3]\n"
              "%2 = variable \"running\" : f32[3]\n"
              "%3 = variable \"gamma\" : f32[3]\n"
              "%4 = matmul(%0, %1) {transpose_a=0, transpose_b=0} : f32[256?, 3]\n"
              "%5, %6, %7 = layer_norm(%4, %3, %3) {epsilon=1e-05} : f32[256?, 3], f32[256?], f32[256?]\n"
              "%8 = column_sum(%5) : f32[3]\n"
              "%9 = moving_average_update(%2, %8) {momentum=0.9} : f32[3], %9 in place of %2\n"
              "output \"y\" = %5\n");
}

}  // namespace
}  // namespace tensile
