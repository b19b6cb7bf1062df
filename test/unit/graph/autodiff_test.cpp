// Differentiation of whole programs: several losses, seeds, shared paths, and gradients that stay row-sparse.
#include "graph/autodiff.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "graph/interpreter.h"
#include "graph/ops/add.h"
#include "graph/ops/affine_constant.h"
#include "graph/ops/densify_rows.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/matmul.h"
#include "graph/ops/moving_average_update.h"
#include "graph/ops/multiply.h"
#include "graph/ops/square.h"
#include "graph/ops/stop_gradient.h"
#include "graph/ops/sum_all.h"
#include "graph/ops/sum_of_squares.h"

namespace tensile {
namespace {

const TensorType kVector{DType::kF32, {2}};

void set(Interpreter<double>& interpreter, const std::string& name, std::initializer_list<double> values) {
    std::ranges::copy(values, interpreter.tensor(name).data<double>());
}

std::vector<double> get(const Interpreter<double>& interpreter, const std::string& name) {
    const HostTensor& tensor = interpreter.output(name);
    return {tensor.data<double>(), tensor.data<double>() + tensor.type.shape.elements()};
}

std::size_t count(std::span<const Node> nodes, std::string_view op) {
    return static_cast<std::size_t>(std::ranges::count(nodes, op, [](const Node& node) { return node.op->name(); }));
}

TEST(Autodiff, SeveralGradientsShareOneForward) {
    ProgramBuilder builder("tasks");
    const ValueId x = builder.input("x", kVector);
    const ValueId shared = ops::square(builder, x);
    const ValueId first = ops::sum_all(builder, shared);
    const ValueId second = ops::sum_of_squares(builder, shared);
    builder.output("d_first", std::get<ValueId>(gradients(builder, {{first}}, {{x}})[0]));
    builder.output("d_second", std::get<ValueId>(gradients(builder, {{second}}, {{x}})[0]));
    builder.output("d_both", std::get<ValueId>(gradients(builder, {{first, second}}, {{x}})[0]));
    const Program program = builder.finish();
    EXPECT_EQ(count(program.nodes(), "square"), 1U);

    Interpreter<double> interpreter(program);
    set(interpreter, "x", {3, -1});
    interpreter.run();
    EXPECT_EQ(get(interpreter, "d_first"), (std::vector<double>{6, -2}));     // 2 x
    EXPECT_EQ(get(interpreter, "d_second"), (std::vector<double>{108, -4}));  // 4 x^3
    EXPECT_EQ(get(interpreter, "d_both"), (std::vector<double>{114, -6}));
}

TEST(Autodiff, SeedsWeighTheLosses) {
    ProgramBuilder builder("seeds");
    const ValueId x = builder.input("x", kVector);
    const ValueId losses[] = {ops::sum_all(builder, x), ops::sum_of_squares(builder, x)};
    const ValueId seeds[] = {builder.input("first", {DType::kF32, {}}), builder.input("second", {DType::kF32, {}})};
    builder.output("dx", std::get<ValueId>(gradients(builder, losses, {{x}}, seeds)[0]));
    EXPECT_THROW(gradients(builder, losses, {{x}}, {{seeds[0]}}), InternalError);
    EXPECT_THROW(gradients(builder, {{x}}, {{x}}), InternalError) << "a loss is a scalar";
    const Program program = builder.finish();
    Interpreter<double> interpreter(program);
    set(interpreter, "x", {3, -1});
    set(interpreter, "first", {10});
    set(interpreter, "second", {0.5});
    interpreter.run();
    EXPECT_EQ(get(interpreter, "dx"), (std::vector<double>{13, 9}));
}

TEST(Autodiff, PathsAddUp) {
    ProgramBuilder builder("paths");
    const ValueId x = builder.input("x", kVector);
    const ValueId cube = ops::multiply(builder, x, ops::square(builder, x));
    const ValueId twice = ops::add(builder, cube, cube);
    const ValueId loss = ops::sum_all(builder, ops::add(builder, twice, x));
    builder.output("dx", std::get<ValueId>(gradients(builder, {{loss}}, {{x}})[0]));
    const Program program = builder.finish();
    Interpreter<double> interpreter(program);
    set(interpreter, "x", {3, -1});
    interpreter.run();
    EXPECT_EQ(get(interpreter, "dx"), (std::vector<double>{55, 7}));  // 6 x^2 + 1
}

TEST(Autodiff, NothingFlowsWhereItMustNot) {
    ProgramBuilder builder("stopped");
    const ValueId x = builder.input("x", kVector);
    const ValueId unrelated = builder.input("unrelated", kVector);
    const ValueId product = ops::multiply(builder, x, ops::stop_gradient(builder, x));
    const ValueId loss = ops::sum_all(builder, product);
    const ValueId wrt[] = {x, unrelated, loss};
    const std::vector<Gradient> result = gradients(builder, {{loss}}, wrt);
    EXPECT_TRUE(std::holds_alternative<std::monostate>(result[1]));
    builder.output("dx", std::get<ValueId>(result[0]));
    builder.output("dloss", std::get<ValueId>(result[2]));
    const Program program = builder.finish();
    Interpreter<double> interpreter(program);
    set(interpreter, "x", {3, -1});
    interpreter.run();
    EXPECT_EQ(get(interpreter, "dx"), (std::vector<double>{3, -1})) << "as if one factor were a constant";
    EXPECT_EQ(get(interpreter, "dloss"), (std::vector<double>{1}));
}

TEST(Autodiff, UnneededGradientsAreNotComputed) {
    ProgramBuilder builder("pruned");
    const ValueId x = builder.input("x", {DType::kF32, {4, 3}});
    const ValueId weight = builder.variable("weight", {DType::kF32, {3, 2}});
    const ValueId loss = ops::sum_of_squares(builder, ops::matmul(builder, x, weight));
    builder.output("dw", std::get<ValueId>(gradients(builder, {{loss}}, {{weight}})[0]));
    EXPECT_EQ(count(builder.finish().nodes(), "matmul"), 2U) << "forward and d_weight; d_x is nobody's";
}

TEST(Autodiff, AForwardValueThatWasUpdatedCannotBeDifferentiated) {
    ProgramBuilder builder("late");
    const ValueId weight = builder.variable("weight", kVector);
    const ValueId loss = ops::sum_of_squares(builder, weight);
    ops::moving_average_update(builder, weight, builder.input("sample", kVector), 0.5);
    EXPECT_THROW(gradients(builder, {{loss}}, {{weight}}), InternalError);
}

class SparseGradients : public testing::Test {
  protected:
    SparseGradients()
        : builder_("sparse"),
          table_(builder_.variable("table", {DType::kF32, {4, 1}})),
          first_(builder_.input("first", {DType::kI32, {3}})),
          second_(builder_.input("second", {DType::kI32, {2}})) {}

    // Gradient of 1 * (rows of first) + 10 * (rows of second), densified if need be.
    std::vector<double> table_gradient(const Gradient& gradient) {
        const auto* sparse = std::get_if<SparseRows>(&gradient);
        builder_.output("d_table",
                        sparse != nullptr ? ops::densify_rows(builder_, *sparse) : std::get<ValueId>(gradient));
        const Program program = builder_.finish();
        Interpreter<double> interpreter(program);
        std::ranges::copy(std::initializer_list<std::int32_t>{2, 0, 2},
                          interpreter.tensor("first").data<std::int32_t>());
        std::ranges::copy(std::initializer_list<std::int32_t>{2, -1},
                          interpreter.tensor("second").data<std::int32_t>());
        interpreter.run();
        return get(interpreter, "d_table");
    }

    ValueId gathered(ValueId indices, double factor) {
        return ops::sum_all(builder_,
                            ops::affine_constant(builder_, ops::gather_rows(builder_, table_, indices), factor, 0));
    }

    ProgramBuilder builder_;
    ValueId table_;
    ValueId first_;
    ValueId second_;
};

TEST_F(SparseGradients, OneGatherStaysSparse) {
    const Gradient gradient = gradients(builder_, {{gathered(first_, 1)}}, {{table_}})[0];
    ASSERT_TRUE(std::holds_alternative<SparseRows>(gradient));
    EXPECT_EQ(std::get<SparseRows>(gradient).table_rows, 4);
    EXPECT_EQ(builder_.type(std::get<SparseRows>(gradient).rows).shape, (Shape{3, 1}));
    EXPECT_EQ(table_gradient(gradient), (std::vector<double>{1, 0, 2, 0}));
}

TEST_F(SparseGradients, SeveralGathersAreConcatenated) {
    const ValueId losses[] = {gathered(first_, 1), gathered(second_, 10)};
    const Gradient gradient = gradients(builder_, losses, {{table_}})[0];
    ASSERT_TRUE(std::holds_alternative<SparseRows>(gradient));
    EXPECT_EQ(builder_.type(std::get<SparseRows>(gradient).rows).shape, (Shape{5, 1}));
    EXPECT_EQ(table_gradient(gradient), (std::vector<double>{1, 0, 12, 0}));
}

TEST_F(SparseGradients, ADenseContributionMakesTheSumDense) {
    const ValueId losses[] = {gathered(first_, 1), gathered(second_, 10), ops::sum_all(builder_, table_)};
    const Gradient gradient = gradients(builder_, losses, {{table_}})[0];
    ASSERT_TRUE(std::holds_alternative<ValueId>(gradient));
    EXPECT_EQ(table_gradient(gradient), (std::vector<double>{2, 1, 13, 1}));
}

TEST_F(SparseGradients, AGatherFromAResultGoesOnDense) {
    const ValueId squares = ops::square(builder_, table_);
    const ValueId loss = ops::sum_all(builder_, ops::gather_rows(builder_, squares, first_));
    const Gradient gradient = gradients(builder_, {{loss}}, {{table_}})[0];
    EXPECT_TRUE(std::holds_alternative<ValueId>(gradient));
}

}  // namespace
}  // namespace tensile
