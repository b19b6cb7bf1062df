// What the ops of sequence networks promise beyond the checks that hold for all ops: what their shape rules refuse, and
// equations by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "graph/interpreter.h"
#include "graph/ops/batched_matmul.h"
#include "graph/ops/causal_softmax.h"
#include "graph/ops/lstm_cell.h"
#include "graph/ops/split_heads.h"

namespace tensile {
namespace {

TensorType floats(const Shape& shape) {
    return {DType::kF32, shape};
}

template <typename T>
void set(HostTensor& tensor, std::initializer_list<T> values) {
    ASSERT_EQ(tensor.type.shape.elements(), static_cast<std::int64_t>(values.size()));
    std::ranges::copy(values, tensor.data<T>());
}

class SequenceOpShapes : public testing::Test {
  protected:
    ValueId input(const Shape& shape) { return builder_.input("x" + std::to_string(count_++), floats(shape)); }

    ProgramBuilder builder_{"shapes"};
    std::int16_t batch_ = builder_.extent("batch");
    int count_ = 0;
};

TEST_F(SequenceOpShapes, BatchedMatmulRefusesWhatDoesNotFit) {
    const ValueId a = input({6, 4});
    EXPECT_EQ(builder_.type(ops::batched_matmul(builder_, a, input({8, 5}), 2)).shape, (Shape{6, 5}));
    EXPECT_EQ(builder_.type(ops::batched_matmul(builder_, a, input({10, 4}), 2, false, true)).shape, (Shape{6, 5}));
    EXPECT_EQ(builder_.type(ops::batched_matmul(builder_, a, input({6, 5}), 2, true)).shape, (Shape{8, 5}));
    EXPECT_THROW(ops::batched_matmul(builder_, a, input({8, 5}), 0), InternalError);
    EXPECT_THROW(ops::batched_matmul(builder_, a, input({8, 5}), 4), InternalError) << "6 rows";
    EXPECT_THROW(ops::batched_matmul(builder_, a, input({6, 5}), 2), InternalError) << "3 terms and 4";
    EXPECT_THROW(ops::batched_matmul(builder_, a, input({8, 0}), 2), InternalError);
    EXPECT_THROW(ops::batched_matmul(builder_, input(Shape::bounded(6, batch_, {4})), input({8, 5}), 2), InternalError);
    EXPECT_THROW(ops::batched_matmul(builder_, a, input(Shape::bounded(8, batch_, {5})), 2), InternalError);
}

TEST_F(SequenceOpShapes, HeadsRefuseWhatDoesNotDivide) {
    const ValueId x = input({12, 10});
    EXPECT_EQ(builder_.type(ops::split_heads(builder_, x, 3, 5)).shape, (Shape{60, 2}));
    EXPECT_EQ(builder_.type(ops::merge_heads(builder_, x, 3, 4)).shape, (Shape{3, 40}));
    EXPECT_THROW(ops::split_heads(builder_, x, 5, 5), InternalError);
    EXPECT_THROW(ops::split_heads(builder_, x, 3, 4), InternalError);
    EXPECT_THROW(ops::merge_heads(builder_, x, 3, 5), InternalError);
    EXPECT_THROW(ops::merge_heads(builder_, x, 0, 1), InternalError);
    EXPECT_THROW(ops::split_heads(builder_, input(Shape::bounded(12, batch_, {10})), 3, 5), InternalError);
}

TEST_F(SequenceOpShapes, CausalSoftmaxRefusesHalfAGroup) {
    EXPECT_NO_THROW(ops::causal_softmax(builder_, input({9, 3})));
    EXPECT_THROW(ops::causal_softmax(builder_, input({8, 3})), InternalError);
    EXPECT_THROW(ops::causal_softmax(builder_, input({9, 0})), InternalError);
}

TEST_F(SequenceOpShapes, LstmCellRefusesOtherThanFourGates) {
    const ValueId cell = input({5, 3});
    EXPECT_NO_THROW(ops::lstm_cell(builder_, input({5, 12}), {cell, cell}, input({5})));
    EXPECT_THROW(ops::lstm_cell(builder_, input({5, 9}), {cell, cell}), InternalError);
    EXPECT_THROW(ops::lstm_cell(builder_, input({4, 12}), {cell, cell}), InternalError);
    EXPECT_THROW(ops::lstm_cell(builder_, input({5, 12}), {cell, cell}, input({4})), InternalError);
    EXPECT_THROW(ops::lstm_cell_gradient(builder_, input({5, 12}), cell, {}, {}), InternalError)
        << "no gradient at all";
}

TEST(BatchedMatmul, MultipliesEachGroupAlone) {
    ProgramBuilder builder("groups");
    const ValueId a = builder.input("a", floats({2, 2}));
    const ValueId b = builder.input("b", floats({4, 1}));
    builder.output("y", ops::batched_matmul(builder, a, b, 2));
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    set<float>(interpreter.tensor("a"), {1.0F, 2.0F, 3.0F, 4.0F});
    set<float>(interpreter.tensor("b"), {1.0F, 10.0F, 100.0F, 1000.0F});
    interpreter.run();
    EXPECT_EQ(interpreter.output("y").data<float>()[0], 21.0F);
    EXPECT_EQ(interpreter.output("y").data<float>()[1], 4300.0F);
}

TEST(SplitHeads, PutsHeadsBelowEachOther) {
    ProgramBuilder builder("heads");
    // One sequence of two steps with two heads of width two: 0 1 | 2 3 and 4 5 | 6 7.
    const ValueId x = builder.input("x", floats({2, 4}));
    builder.output("y", ops::split_heads(builder, x, 2, 2));
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    for (int i = 0; i < 8; ++i)
        interpreter.tensor("x").data<float>()[i] = static_cast<float>(i);
    interpreter.run();
    const float expected[] = {0, 1, 4, 5, 2, 3, 6, 7};
    EXPECT_TRUE(std::ranges::equal(expected, std::span(interpreter.output("y").data<float>(), 8)));
}

TEST(LstmCell, FollowsItsEquations) {
    ProgramBuilder builder("cell");
    const ValueId gates = builder.input("gates", floats({1, 4}));
    const ops::LstmState next = ops::lstm_cell(builder, gates, {{}, builder.input("cell", floats({1, 1}))});
    builder.output("hidden", next.hidden);
    builder.output("next_cell", next.cell);
    const Program program = builder.finish();
    Interpreter<double> interpreter(program);
    // In the order input, forget, candidate, output; all different, so that no two can be confused.
    set<double>(interpreter.tensor("gates"), {0.3, -0.7, 1.1, 2.0});
    *interpreter.tensor("cell").data<double>() = 0.9;
    interpreter.run();
    const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
    const double cell = logistic(-0.7) * 0.9 + logistic(0.3) * std::tanh(1.1);
    EXPECT_NEAR(*interpreter.output("next_cell").data<double>(), cell, 1e-12);
    EXPECT_NEAR(*interpreter.output("hidden").data<double>(), logistic(2.0) * std::tanh(cell), 1e-12);
}

}  // namespace
}  // namespace tensile
