// Convolution and pooling by hand: which pixels a window sees, which of equal pixels gets the gradient, what an average
// is divided by, and which maps are refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "graph/interpreter.h"
#include "graph/ops/average_pool_2d.h"
#include "graph/ops/convolution_2d.h"
#include "graph/ops/max_pool_2d.h"

namespace tensile {
namespace {

using Floats = std::vector<float>;

TensorType floats(Shape shape) {
    return {DType::kF32, shape};
}

// Runs a program of one output "y" on inputs given by name.
Floats run(ProgramBuilder& builder, const std::vector<std::pair<std::string, Floats>>& inputs) {
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    for (const auto& [name, values] : inputs) {
        EXPECT_EQ(values.size(), static_cast<std::size_t>(interpreter.tensor(name).type.shape.elements())) << name;
        std::ranges::copy(values, interpreter.tensor(name).data<float>());
    }
    interpreter.run();
    const HostTensor& y = interpreter.output("y");
    return {y.data<float>(), y.data<float>() + y.type.shape.elements()};
}

TEST(Convolution2d, CorrelatesAndPadsWithZeros) {
    ProgramBuilder builder("convolution");
    const ops::Window window = ops::square_window({2, 3}, 3, 1, 1);
    const ValueId x = builder.input("x", floats({6, 1}));
    const ValueId weights = builder.input("weights", floats({9, 1}));
    builder.output("y", ops::convolution_2d(builder, x, weights, window));
    const Floats y = run(builder, {{"x", {1, 2, 3, 4, 5, 6}}, {"weights", {0, 0, 0, 0, 1, 10, 0, 100, 1000}}});
    // y = x + 10 right + 100 below + 1000 below right
    EXPECT_EQ(y, (Floats{1 + 20 + 400 + 5000, 2 + 30 + 500 + 6000, 3 + 600, 4 + 50, 5 + 60, 6}));
}

TEST(Convolution2d, MixesChannelsOfEachImageAlone) {
    ProgramBuilder builder("convolution");
    const ops::Window window = ops::square_window({1, 2}, 1);
    const ValueId x = builder.input("x", floats({4, 2}));
    const ValueId weights = builder.input("weights", floats({2, 3}));
    builder.output("y", ops::convolution_2d(builder, x, weights, window));
    const Floats y = run(builder, {{"x", {1, 2, 3, 4, 5, 6, 7, 8}}, {"weights", {1, 0, 1, 0, 1, 10}}});
    EXPECT_EQ(y, (Floats{1, 2, 21, 3, 4, 43, 5, 6, 65, 7, 8, 87}));
}

TEST(MaxPool2d, GradientGoesToTheFirstOfEqualPixels) {
    ProgramBuilder builder("pool");
    const ops::Window window = ops::square_window({2, 4}, 2, 2);
    const ValueId x = builder.input("x", floats({8, 1}));
    const ValueId dy = builder.input("dy", floats({2, 1}));
    builder.output("y", ops::max_pool_2d_gradient(builder, x, dy, window));
    const Floats dx = run(builder, {{"x", {1, 5, 0, 0, 5, 5, 0, 0}}, {"dy", {3, 4}}});
    EXPECT_EQ(dx, (Floats{0, 3, 4, 0, 0, 0, 0, 0}));
}

TEST(MaxPool2d, PaddingIsNeverTheGreatest) {
    ProgramBuilder builder("pool");
    const ops::Window window = ops::square_window({2, 2}, 3, 2, 1);
    const ValueId x = builder.input("x", floats({4, 1}));
    builder.output("y", ops::max_pool_2d(builder, x, window));
    EXPECT_EQ(run(builder, {{"x", {-4, -3, -2, -5}}}), (Floats{-2}));
}

TEST(AveragePool2d, DividesByWhatItIsTold) {
    for (const bool count_padding : {false, true}) {
        ProgramBuilder builder("pool");
        const ops::Window window = ops::square_window({2, 2}, 3, 1, 1);
        const ValueId x = builder.input("x", floats({4, 1}));
        builder.output("y", ops::average_pool_2d(builder, x, window, count_padding));
        const float mean = count_padding ? 36.0F / 9 : 36.0F / 4;
        for (const float value : run(builder, {{"x", {0, 9, 18, 9}}}))
            EXPECT_FLOAT_EQ(value, mean);
    }
}

TEST(Window, CountsPositionsAndSeenPixels) {
    const ops::Window window{7, 5, 3, 2, 2, 1, 0};
    EXPECT_EQ(window.output(), (ops::MapSize{4, 2}));
    EXPECT_EQ(window.seen_pixels(0), 2 * 2);  // one row of three is padding
    EXPECT_EQ(window.seen_pixels(2), 3 * 2);
    EXPECT_EQ(window.seen_pixels(8 + 6), 2 * 2);  // of the second image
}

TEST(Maps, AreRefusedUnlessTheyFit) {
    ProgramBuilder builder("maps");
    const std::int16_t batch = builder.extent("batch");
    const ops::Window window = ops::square_window({4, 4}, 3, 1, 1);
    const ValueId x = builder.input("x", floats({32, 2}));
    const ValueId weights = builder.input("weights", floats({18, 5}));
    EXPECT_EQ(builder.type(ops::convolution_2d(builder, x, weights, window)), floats({32, 5}));

    const ValueId part = builder.input("part", floats({33, 2}));
    EXPECT_THROW(ops::convolution_2d(builder, part, weights, window), InternalError);
    EXPECT_THROW(ops::max_pool_2d(builder, part, window), InternalError);
    const ValueId bounded = builder.input("bounded", {DType::kF32, Shape::bounded(32, batch, {2})});
    EXPECT_THROW(ops::convolution_2d(builder, bounded, weights, window), InternalError);
    EXPECT_THROW(ops::average_pool_2d(builder, bounded, window), InternalError);
    const ValueId others = builder.input("others", floats({17, 5}));
    EXPECT_THROW(ops::convolution_2d(builder, x, others, window), InternalError);
    EXPECT_THROW(ops::convolution_2d(builder, x, weights, ops::square_window({4, 4}, 7)), InternalError);
    // A window that may lie in the padding altogether has no greatest pixel.
    EXPECT_THROW(ops::max_pool_2d(builder, x, ops::square_window({4, 4}, 2, 1, 2)), InternalError);
}

}  // namespace
}  // namespace tensile
