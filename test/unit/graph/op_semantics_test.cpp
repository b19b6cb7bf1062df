// What single ops promise beyond the checks that hold for all: exact zeros of missing targets, merging and lazy updates
// of row-sparse gradients, optimizer steps by hand, dropout's mask, conversions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/blocked_sum.h"
#include "graph/interpreter.h"
#include "graph/ops/adam_rows.h"
#include "graph/ops/batch_moments.h"
#include "graph/ops/cast.h"
#include "graph/ops/clip_scale.h"
#include "graph/ops/copy.h"
#include "graph/ops/dropout.h"
#include "graph/ops/gather_rows.h"
#include "graph/ops/huber_loss.h"
#include "graph/ops/layer_norm.h"
#include "graph/ops/masked_mean.h"
#include "graph/ops/merge_rows.h"
#include "graph/ops/pinball.h"
#include "graph/ops/sgd_momentum_rows.h"
#include "graph/ops/sigmoid.h"
#include "graph/ops/softmax_cross_entropy_loss.h"
#include "support/op_cases.h"

namespace tensile {
namespace {

const TensorType kScalar{DType::kF32, {}};

TensorType floats(Shape shape) {
    return {DType::kF32, shape};
}
TensorType integers(Shape shape) {
    return {DType::kI32, shape};
}

template <typename T>
void set(HostTensor& tensor, std::initializer_list<T> values) {
    ASSERT_EQ(tensor.type.bytes(), values.size() * sizeof(T));
    std::ranges::copy(values, tensor.data<T>());
}

template <typename T>
std::vector<T> all(const HostTensor& tensor) {
    return {tensor.data<T>(), tensor.data<T>() + tensor.type.shape.elements()};
}

TEST(MissingTargets, GiveExactlyZeroLossAndGradient) {
    int checked = 0;
    for (const test::OpCase& op_case : test::op_cases()) {
        if (op_case.op.find("_loss") == std::string::npos) continue;
        const Program program = test::case_program(op_case);
        Interpreter<float> interpreter(program);
        test::load_case(op_case, interpreter, std::numeric_limits<double>::quiet_NaN());
        interpreter.run();
        const float* weight = interpreter.tensor("weight").data<float>();
        const HostTensor& result = interpreter.output("y0");
        const std::int64_t width = result.type.shape.row_width();
        for (std::int64_t i = 0; i < result.type.shape.rows(); ++i) {
            const bool missing = std::isnan(weight[i]) || weight[i] == 0;  // beyond the extent, or masked
            for (std::int64_t j = 0; j < width; ++j) {
                const float value = result.data<float>()[i * width + j];
                ASSERT_FALSE(std::isnan(value)) << op_case.name;
                ASSERT_TRUE(!missing || value == 0) << op_case.name;
            }
            checked += missing ? 1 : 0;
        }
    }
    EXPECT_GT(checked, 100);
}

TEST(MaskedMean, OfNothingIsZero) {
    ProgramBuilder builder("mean");
    const ValueId losses = builder.input("losses", floats({3}));
    const ValueId weights = builder.input("weights", floats({3}));
    builder.output("mean", ops::masked_mean(builder, losses, weights));
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    interpreter.run();
    EXPECT_EQ(*interpreter.output("mean").data<float>(), 0);
    set<float>(interpreter.tensor("losses"), {2, 0, 8});
    set<float>(interpreter.tensor("weights"), {1, 0, 4});
    interpreter.run();
    EXPECT_EQ(*interpreter.output("mean").data<float>(), 2);
}

TEST(HuberLoss, IsSquareInsideAndLinearOutside) {
    ProgramBuilder builder("huber");
    const ValueId prediction = builder.input("prediction", floats({3, 1}));
    const ValueId target = builder.input("target", floats({3}));
    const ValueId weight = builder.input("weight", floats({3}));
    builder.output("loss", ops::huber_loss(builder, prediction, target, weight, 2));
    const Program program = builder.finish();
    Interpreter<double> interpreter(program);
    set<double>(interpreter.tensor("prediction"), {1, -3, 5});
    set<double>(interpreter.tensor("weight"), {1, 1, 0.5});
    interpreter.run();
    EXPECT_EQ(all<double>(interpreter.output("loss")), (std::vector<double>{0.5, 4, 4}));
}

TEST(Pinball, WeighsErrorsAboveAndBelowByTheLevel) {
    ProgramBuilder builder("pinball");
    const ValueId error = builder.input("error", floats({3}));
    builder.output("loss", ops::pinball(builder, error, 0.75));
    const Program program = builder.finish();
    Interpreter<double> interpreter(program);
    set<double>(interpreter.tensor("error"), {4, -4, 0});
    interpreter.run();
    EXPECT_EQ(all<double>(interpreter.output("loss")), (std::vector<double>{3, 1, 0}));
}

TEST(LargeLogits, DoNotOverflow) {
    ProgramBuilder builder("logits");
    const ValueId logits = builder.input("logits", floats({2, 2}));
    const ValueId target = builder.input("target", integers({2}));
    const ValueId weight = builder.input("weight", floats({2}));
    builder.output("loss", ops::softmax_cross_entropy_loss(builder, logits, target, weight));
    builder.output("sigmoid", ops::sigmoid(builder, logits));
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    set<float>(interpreter.tensor("logits"), {1000, 0, -1000, 0});
    set<std::int32_t>(interpreter.tensor("target"), {0, 0});
    set<float>(interpreter.tensor("weight"), {1, 1});
    interpreter.run();
    EXPECT_EQ(all<float>(interpreter.output("loss")), (std::vector<float>{0, 1000}));
    EXPECT_EQ(all<float>(interpreter.output("sigmoid")), (std::vector<float>{1, 0.5F, 0, 0.5F}));
}

TEST(MergeRows, SortsSumsInOrderAndPads) {
    ProgramBuilder builder("merge");
    const ValueId rows = builder.input("rows", floats({6, 1}));
    const ValueId indices = builder.input("indices", integers({6}));
    const SparseRows merged = ops::merge_rows(builder, {rows, indices, 5});
    builder.output("rows_out", merged.rows);
    builder.output("indices_out", merged.indices);
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    // In float, (1e8 - 1e8) + 1 is 1 and (1 - 1e8) + 1e8 is 0: the order of the sum shows.
    set<float>(interpreter.tensor("rows"), {1e8F, 7, -1e8F, 3, 1, 9});
    set<std::int32_t>(interpreter.tensor("indices"), {3, 0, 3, -1, 3, 5});
    interpreter.run();
    EXPECT_EQ(all<std::int32_t>(interpreter.output("indices_out")), (std::vector<std::int32_t>{0, 3, -1, -1, -1}));
    EXPECT_EQ(all<float>(interpreter.output("rows_out")), (std::vector<float>{7, 1, 0, 0, 0}));
}

TEST(GatherRows, ReadsSideBySideAndZeroForNoRow) {
    ProgramBuilder builder("gather");
    const ValueId table = builder.variable("table", floats({2, 2}));
    const ValueId indices = builder.input("indices", integers({2, 2}));
    builder.output("y", ops::gather_rows(builder, table, indices));
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    set<float>(interpreter.tensor("table"), {1, 2, 3, 4});
    set<std::int32_t>(interpreter.tensor("indices"), {1, 0, -1, 2});
    interpreter.run();
    EXPECT_EQ(all<float>(interpreter.output("y")), (std::vector<float>{3, 4, 1, 2, 0, 0, 0, 0}));
}

// A batch below its capacity must not make the row that index 0 of the padding names look touched.
TEST(GatherRows, GradientOfPaddingTouchesNoRow) {
    ProgramBuilder builder("padding");
    const std::int16_t batch = builder.extent("batch");
    const ValueId indices = builder.input("indices", integers(Shape::bounded(3, batch)));
    const ValueId dy = builder.input("dy", floats(Shape::bounded(3, batch, {1})));
    const SparseRows merged = ops::merge_rows(builder, ops::gather_rows_gradient(builder, indices, dy, 4));
    builder.output("indices_out", merged.indices);
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    interpreter.set_extent("batch", 1);
    set<std::int32_t>(interpreter.tensor("indices"), {2, 0, 0});
    interpreter.run();
    EXPECT_EQ(all<std::int32_t>(interpreter.output("indices_out")), (std::vector<std::int32_t>{2, -1, -1}));
}

TEST(SgdMomentumRows, TouchesOnlyTheNamedRows) {
    ProgramBuilder builder("sgd");
    const ops::SgdState state{builder.variable("parameter", floats({3, 1})),
                              builder.variable("velocity", floats({3, 1}))};
    const SparseRows gradient{builder.input("rows", floats({2, 1})), builder.input("indices", integers({2})), 3};
    const ops::SgdScalars scalars{builder.input("learning_rate", kScalar), builder.input("momentum", kScalar),
                                  builder.input("weight_decay", kScalar), builder.input("gradient_scale", kScalar)};
    ops::sgd_momentum_rows(builder, state, gradient, scalars);
    const Program program = builder.finish();
    Interpreter<double> interpreter(program);
    set<double>(interpreter.tensor("parameter"), {1, 2, 4});
    set<double>(interpreter.tensor("velocity"), {1, 1, 2});
    set<double>(interpreter.tensor("rows"), {8, 99});
    set<std::int32_t>(interpreter.tensor("indices"), {2, -1});
    set<double>(interpreter.tensor("learning_rate"), {0.5});
    set<double>(interpreter.tensor("momentum"), {0.25});
    set<double>(interpreter.tensor("weight_decay"), {0.125});
    set<double>(interpreter.tensor("gradient_scale"), {0.5});
    interpreter.run();
    // g = 0.5 * 8 + 0.125 * 4 = 4.5; v = 0.25 * 2 + 4.5 = 5; p = 4 - 0.5 * 5
    EXPECT_EQ(all<double>(interpreter.tensor("velocity")), (std::vector<double>{1, 1, 5}));
    EXPECT_EQ(all<double>(interpreter.tensor("parameter")), (std::vector<double>{1, 2, 1.5}));
}

class AdamStep : public testing::TestWithParam<bool> {};

TEST_P(AdamStep, FollowsTheEquationsInDenseAndRowForm) {
    const bool decoupled = GetParam();
    ProgramBuilder builder("adam");
    const ops::AdamScalars scalars{builder.input("step", floats({ops::kAdamStepLength})),
                                   builder.input("gradient_scale", kScalar)};
    const auto state = [&](const std::string& prefix) {
        return ops::AdamState{builder.variable(prefix + "parameter", floats({2, 1})),
                              builder.variable(prefix + "first", floats({2, 1})),
                              builder.variable(prefix + "second", floats({2, 1}))};
    };
    ops::adam(builder, state("dense_"), builder.input("gradient", floats({2, 1})), scalars, decoupled);
    const SparseRows sparse{builder.input("rows", floats({1, 1})), builder.input("indices", integers({1})), 2};
    ops::adam_rows(builder, state("rows_"), sparse, scalars, decoupled);
    const Program program = builder.finish();

    Interpreter<double> interpreter(program);
    const double learning_rate = 0.1;
    const double decay = 0.5;
    const double correction1 = 1 - std::pow(0.9, 3);
    const double correction2 = 1 - std::pow(0.99, 3);
    set<double>(interpreter.tensor("step"), {learning_rate, 0.9, 0.99, 1e-3, decay, correction1, correction2});
    set<double>(interpreter.tensor("gradient_scale"), {0.5});
    set<double>(interpreter.tensor("gradient"), {3, 0});
    set<double>(interpreter.tensor("rows"), {3});
    set<std::int32_t>(interpreter.tensor("indices"), {0});
    for (const char* prefix : {"dense_", "rows_"}) {
        set<double>(interpreter.tensor(std::string(prefix) + "parameter"), {2, 2});
        set<double>(interpreter.tensor(std::string(prefix) + "first"), {0.2, 0.2});
        set<double>(interpreter.tensor(std::string(prefix) + "second"), {0.4, 0.4});
    }
    interpreter.run();

    const double g = 0.5 * 3 + (decoupled ? 0 : decay * 2);
    const double first = 0.9 * 0.2 + 0.1 * g;
    const double second = 0.99 * 0.4 + 0.01 * g * g;
    const double parameter = 2 * (decoupled ? 1 - learning_rate * decay : 1) -
                             learning_rate * (first / correction1) / (std::sqrt(second / correction2) + 1e-3);
    for (const std::string prefix : {"dense_", "rows_"}) {
        EXPECT_NEAR(interpreter.tensor(prefix + "parameter").data<double>()[0], parameter, 1e-12);
        EXPECT_NEAR(interpreter.tensor(prefix + "first").data<double>()[0], first, 1e-12);
        EXPECT_NEAR(interpreter.tensor(prefix + "second").data<double>()[0], second, 1e-12);
    }
    // The row that the gradient does not name: the dense form decays its moments, the lazy form leaves it alone.
    EXPECT_NE(interpreter.tensor("dense_parameter").data<double>()[1], 2);
    EXPECT_EQ(interpreter.tensor("rows_parameter").data<double>()[1], 2);
    EXPECT_EQ(interpreter.tensor("rows_first").data<double>()[1], 0.2);
    EXPECT_EQ(interpreter.tensor("rows_second").data<double>()[1], 0.4);
}

INSTANTIATE_TEST_SUITE_P(Graph, AdamStep, testing::Bool(),
                         [](const auto& info) { return info.param ? "Decoupled" : "Coupled"; });

TEST(ClipScale, LimitsOnlyWhatIsAboveTheLimit) {
    ProgramBuilder builder("clip");
    const ValueId squares = builder.input("squares", kScalar);
    const ValueId limit = builder.input("limit", kScalar);
    builder.output("scale", ops::clip_scale(builder, squares, limit));
    const Program program = builder.finish();
    Interpreter<double> interpreter(program);
    const auto scale = [&](double sum_of_squares, double max_norm) {
        set<double>(interpreter.tensor("squares"), {sum_of_squares});
        set<double>(interpreter.tensor("limit"), {max_norm});
        interpreter.run();
        return *interpreter.output("scale").data<double>();
    };
    EXPECT_EQ(scale(16, 1), 0.25);
    EXPECT_EQ(scale(16, 5), 1);
    EXPECT_EQ(scale(0, 1), 1);
    EXPECT_EQ(scale(16, 0), 1) << "no limit";
}

TEST(Dropout, KeepsTheRateAndRepeatsItsMask) {
    constexpr std::int64_t kCount = 10000;
    ProgramBuilder builder("dropout");
    const ValueId x = builder.input("x", floats({kCount}));
    const ValueId rng = builder.input("rng", {DType::kI64, {2}});
    builder.output("y", ops::dropout(builder, x, rng, 0.25, 1));
    builder.output("dx", ops::dropout_gradient(builder, x, rng, 0.25, 1));
    builder.output("other", ops::dropout(builder, x, rng, 0.25, 2));
    builder.output("none", ops::dropout(builder, x, rng, 0, 3));
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    std::fill_n(interpreter.tensor("x").data<float>(), kCount, 3.0F);
    set<std::int64_t>(interpreter.tensor("rng"), {11, 5});
    interpreter.run();
    const std::vector<float> y = all<float>(interpreter.output("y"));
    const auto kept = static_cast<double>(std::ranges::count(y, 4.0F));
    EXPECT_EQ(kept + static_cast<double>(std::ranges::count(y, 0.0F)), kCount);
    EXPECT_NEAR(kept / kCount, 0.75, 0.02);
    EXPECT_EQ(all<float>(interpreter.output("dx")), y);
    EXPECT_NE(all<float>(interpreter.output("other")), y);
    EXPECT_EQ(std::ranges::count(all<float>(interpreter.output("none")), 3.0F), kCount);
    const std::uint64_t stream = ops::dropout_stream(1, 5);
    for (std::uint64_t i = 0; i < 100; ++i)
        EXPECT_EQ(y[i] != 0, random_uniform(11, stream, i) >= 0.25);
    set<std::int64_t>(interpreter.tensor("rng"), {11, 6});
    interpreter.run();
    EXPECT_NE(all<float>(interpreter.output("y")), y) << "the counter changes the mask";
}

TEST(Cast, RoundsClampsAndHasNoNan) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    ProgramBuilder builder("cast");
    const ValueId x = builder.input("x", floats({5}));
    builder.output("i32", ops::cast(builder, x, DType::kI32));
    builder.output("u8", ops::cast(builder, x, DType::kU8));
    builder.output("bf16", ops::cast(builder, x, DType::kBF16));
    const Program program = builder.finish();
    EXPECT_EQ(program.value(program.outputs()[2].value).type.dtype, DType::kBF16);
    Interpreter<float> interpreter(program);
    set<float>(interpreter.tensor("x"), {-1.9F, std::nanf(""), kInfinity, -1e20F, 1.00390625F});
    interpreter.run();
    using Limits = std::numeric_limits<std::int32_t>;
    EXPECT_EQ(all<std::int32_t>(interpreter.output("i32")),
              (std::vector<std::int32_t>{-1, 0, Limits::max(), Limits::min(), 1}));
    EXPECT_EQ(all<std::uint8_t>(interpreter.output("u8")), (std::vector<std::uint8_t>{0, 0, 255, 0, 1}));
    const std::vector<float> bf16 = all<float>(interpreter.output("bf16"));
    EXPECT_TRUE(std::isnan(bf16[1]));
    EXPECT_EQ(bf16[2], kInfinity);
    EXPECT_EQ(bf16[4], 1.0F) << "1 + 2^-8 lies half way: to the even neighbour";
}

TEST(Copy, OverwritesAVariable) {
    ProgramBuilder builder("copy");
    ops::copy(builder, builder.variable("best", floats({2})), builder.variable("current", floats({2})));
    const Program program = builder.finish();
    Interpreter<float> interpreter(program);
    set<float>(interpreter.tensor("best"), {1, 2});
    set<float>(interpreter.tensor("current"), {3, 4});
    interpreter.run();
    EXPECT_EQ(all<float>(interpreter.tensor("best")), (std::vector<float>{3, 4}));
}

TEST(BatchMoments, DivideByThePresentRows) {
    ProgramBuilder builder("moments");
    const std::int16_t batch = builder.extent("batch");
    const ValueId x = builder.input("x", floats(Shape::bounded(4, batch, {1})));
    const ops::BatchMoments moments = ops::batch_moments(builder, x);
    builder.output("mean", moments.mean);
    builder.output("variance", moments.variance);
    const Program program = builder.finish();
    Interpreter<double> interpreter(program);
    interpreter.set_extent("batch", 2);
    set<double>(interpreter.tensor("x"), {1, 5, 100, 100});
    interpreter.run();
    EXPECT_EQ(*interpreter.output("mean").data<double>(), 3);
    EXPECT_EQ(*interpreter.output("variance").data<double>(), 4);
    interpreter.set_extent("batch", 5);
    EXPECT_THROW(interpreter.run(), InternalError) << "beyond the capacity";
    EXPECT_THROW(interpreter.set_extent("rows", 1), InternalError);
    EXPECT_THROW(interpreter.tensor("z"), InternalError);
    EXPECT_THROW(interpreter.output("z"), InternalError);
}

TEST(BlockedSum, AddsBlocksInOrder) {
    // One large number in the first block swallows the ones beside it, not those of the second block.
    const auto term = [](std::int64_t i) { return i == 0 ? 16777216.0F : 1.0F; };
    EXPECT_EQ(blocked_sum<float>(2 * kSumBlock, term), 16777216.0F + static_cast<float>(kSumBlock));
    EXPECT_EQ(blocked_sum<float>(0, term), 0);
    EXPECT_EQ(blocked_sum<double>(kSumBlock + 3, [](std::int64_t i) { return static_cast<double>(i); }),
              static_cast<double>((kSumBlock + 2) * (kSumBlock + 3) / 2));
}

TEST(Cost, CountsWhatAnOpTouches) {
    const TensorType a = floats({10, 20});
    const TensorType b = floats({20, 30});
    const TensorType y = floats({10, 30});
    const Attributes flags{{"transpose_a", std::int64_t{0}}, {"transpose_b", std::int64_t{0}}};
    const OpCost product = op_named("matmul").cost(std::array{a, b}, std::array{y}, flags);
    EXPECT_EQ(product.flops, 2.0 * 10 * 20 * 30);
    EXPECT_EQ(product.bytes, 4.0 * (200 + 600 + 300));
    const TensorType table = floats({1000000, 8});
    const OpCost gather =
        op_named("gather_rows").cost(std::array{table, integers({10})}, std::array{floats({10, 8})}, {});
    EXPECT_LT(gather.bytes, 1000) << "the table is touched only where indices point";
}

}  // namespace
}  // namespace tensile
