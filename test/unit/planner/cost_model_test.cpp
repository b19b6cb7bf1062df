// The cost model: its prior, what it learns, what stands in for what it has not seen, and its bounds.
#include "planner/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tensor/error.h"

namespace tensile {
namespace {

constexpr DeviceRates kRates{1e9, 1e8, 1e-6};

LoweredProgram program_of(std::vector<LoweredOp> ops) {
    LoweredProgram program;
    program.name = "step";
    program.ops = std::move(ops);
    return program;
}

LoweredOp op_named(const std::string& name, double flops, double bytes) {
    return {name, {}, {}, flops, bytes};
}

// Expected seconds of one op.
double seconds_of(CostModel& model, const LoweredOp& op) {
    return model.seconds(model.prepare(program_of({op}))).front();
}

void learn(CostModel& model, const LoweredOp& op, double seconds) {
    const double measured[] = {seconds};
    model.learn(model.prepare(program_of({op})), measured);
}

TEST(CostModel, PriorIsTheRoofline) {
    CostModel model(kRates);
    EXPECT_DOUBLE_EQ(seconds_of(model, op_named("matmul_1", 1e9, 1e7)), 1 + 1e-6);  // bound by arithmetic
    EXPECT_DOUBLE_EQ(seconds_of(model, op_named("add_1", 1e6, 1e8)), 1 + 1e-6);     // bound by memory
    EXPECT_DOUBLE_EQ(seconds_of(model, op_named("nothing_1", 0, 0)), 1e-6);         // a launch
}

TEST(CostModel, RefusesRatesThatAreNone) {
    EXPECT_THROW(CostModel({0, 1, 1}), InternalError);
    EXPECT_THROW(CostModel({1, -1, 1}), InternalError);
    EXPECT_THROW(CostModel({1, 1, std::numeric_limits<double>::quiet_NaN()}), InternalError);
}

TEST(CostModel, KindsHaveNoNodeNumbers) {
    EXPECT_EQ(op_kind("matmul_3"), "matmul");
    EXPECT_EQ(op_kind("matmul_3..tanh_15"), "matmul..tanh");
    EXPECT_EQ(op_kind("add_1 | relu_2..dropout_4 | ..."), "add | relu..dropout | ...");
    EXPECT_EQ(op_kind("conv_2d_7"), "conv_2d");
    EXPECT_EQ(op_kind(""), "op");
    EXPECT_EQ(op_kind(std::string(500, 'x')).size(), kMaxKindBytes);
    EXPECT_EQ(op_kind("a\"\n_1"), "a__");
}

TEST(CostModel, ConvergesToWhatIsMeasured) {
    CostModel model(kRates);
    const LoweredOp op = op_named("matmul_1", 1e7, 1e6);
    const double measured = 2.5 * roofline_seconds(kRates, op);
    for (int i = 0; i < 3; ++i)
        learn(model, op, measured);
    EXPECT_NEAR(seconds_of(model, op), measured, 1e-12);
    // And follows a lasting change, here of more than what passes for an outlier.
    for (int i = 0; i < 200; ++i)
        learn(model, op, 10 * measured);
    EXPECT_NEAR(seconds_of(model, op), 10 * measured, 0.01 * measured);
}

TEST(CostModel, NoiseAveragesOut) {
    CostModel model(kRates);
    const LoweredOp op = op_named("matmul_1", 1e7, 1e6);
    const double real = 3 * roofline_seconds(kRates, op);
    for (std::uint64_t i = 0; i < 400; ++i) {
        // Uniform in 0.8 to 1.2 of the real time; one in fifty is interrupted for a thousand times as long.
        double noisy = real * (0.8 + 0.1 * static_cast<double>(i * 7 % 5));
        if (i % 50 == 49) noisy = 1000 * real;
        learn(model, op, noisy);
    }
    EXPECT_NEAR(seconds_of(model, op) / real, 1, 0.25);
}

TEST(CostModel, NeighboursStandIn) {
    CostModel model(kRates);
    const LoweredOp measured = op_named("matmul_1", 1 << 20, 1 << 16);
    learn(model, measured, 4 * roofline_seconds(kRates, measured));
    const LoweredOp neighbour = op_named("matmul_9", 1 << 21, 1 << 17);
    EXPECT_NEAR(seconds_of(model, neighbour), 4 * roofline_seconds(kRates, neighbour), 1e-12);
}

TEST(CostModel, NearBucketsOutweighTheKind) {
    CostModel model(kRates);
    const LoweredOp small = op_named("matmul_1", 1 << 10, 1 << 10);
    const LoweredOp large = op_named("matmul_2", 1 << 20, 1 << 16);
    for (int i = 0; i < 50; ++i)
        learn(model, small, 8 * roofline_seconds(kRates, small));
    learn(model, large, 2 * roofline_seconds(kRates, large));
    const LoweredOp beside = op_named("matmul_3", 1 << 21, 1 << 16);
    EXPECT_NEAR(seconds_of(model, beside), 2 * roofline_seconds(kRates, beside), 1e-12);
}

TEST(CostModel, TheKindStandsInForWhatIsFarAway) {
    CostModel model(kRates);
    const LoweredOp measured = op_named("matmul_1", 1 << 20, 1 << 16);
    learn(model, measured, 4 * roofline_seconds(kRates, measured));
    const LoweredOp far = op_named("matmul_2", 1e12, 1e9);
    EXPECT_NEAR(seconds_of(model, far) / (4 * roofline_seconds(kRates, far)), 1, 1e-12);
    const LoweredOp other = op_named("tanh_1", 1 << 20, 1 << 16);
    EXPECT_DOUBLE_EQ(seconds_of(model, other), roofline_seconds(kRates, other));
}

TEST(CostModel, WhatIsNoTimeTeachesNothing) {
    CostModel model(kRates);
    const LoweredOp op = op_named("matmul_1", 1e7, 1e6);
    for (const double no_time : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")})
        learn(model, op, no_time);
    EXPECT_TRUE(model.figures(100).empty());
    const CostKeys keys = model.prepare(program_of({op, op}));
    const double one[] = {1.0};
    EXPECT_THROW(model.learn(keys, one), InternalError);
}

TEST(CostModel, SizeIsBoundedAndTheOldestAreForgotten) {
    CostModel model(kRates, 16);
    const LoweredOp kept = op_named("matmul_1", 1e7, 1e6);
    const CostKeys keys = model.prepare(program_of({kept}));
    const double measured[] = {5 * roofline_seconds(kRates, kept)};
    for (int i = 0; i < 1000; ++i) {
        learn(model, op_named("kind" + std::string(1, static_cast<char>('a' + i % 26)) + "_1", std::exp2(i % 40), 1e3),
              1e-3);
        model.learn(keys, measured);
        ASSERT_LE(model.size(), 16U);
    }
    EXPECT_NEAR(model.seconds(keys).front(), measured[0], 1e-12);
    EXPECT_LE(model.figures(1000).size(), 16U);
}

TEST(CostModel, KindsBeyondTheGreatestNumberShareOne) {
    CostModel model(kRates, 64);
    for (int i = 0; i < 5000; ++i)
        learn(model, op_named("kind" + std::to_string(i) + "x_1", 1e6, 1e6), 1e-3);
    EXPECT_LE(model.size(), 64U);
    EXPECT_GT(seconds_of(model, op_named("another_1", 1e6, 1e6)), 0);
}

TEST(CostModel, FiguresTravel) {
    CostModel model(kRates);
    const LoweredOp product = op_named("matmul_1", 1e7, 1e6);
    const LoweredOp sum = op_named("add_2", 1e3, 1e6);
    for (int i = 0; i < 3; ++i)
        learn(model, product, 2 * roofline_seconds(kRates, product));
    learn(model, sum, 3 * roofline_seconds(kRates, sum));
    const std::vector<CostFigure> figures = model.figures(100);
    ASSERT_EQ(figures.size(), 2U);
    EXPECT_EQ(figures[0].kind, "matmul");
    EXPECT_EQ(figures[0].count, 3U);
    EXPECT_EQ(model.figures(1).size(), 1U);
    EXPECT_EQ(model.figures(model.prepare(program_of({sum})), 100), std::vector<CostFigure>({figures[1]}));

    CostModel other(kRates);
    EXPECT_EQ(other.merge(figures), 2U);
    EXPECT_NEAR(seconds_of(other, product), 2 * roofline_seconds(kRates, product), 1e-12);
    EXPECT_NEAR(seconds_of(other, sum), 3 * roofline_seconds(kRates, sum), 1e-12);
    EXPECT_EQ(other.merge(figures), 0U);  // nothing new
}

TEST(CostModel, OwnMeasurementsAreNotOverwritten) {
    CostModel model(kRates);
    const LoweredOp op = op_named("matmul_1", 1e7, 1e6);
    learn(model, op, 2 * roofline_seconds(kRates, op));
    CostFigure foreign = model.figures(1).front();
    foreign.ratio = 50;
    foreign.count = 1000000;
    EXPECT_EQ(model.merge({&foreign, 1}), 0U);
    EXPECT_NEAR(seconds_of(model, op), 2 * roofline_seconds(kRates, op), 1e-12);
}

TEST(CostModel, ImportedFiguresGiveWay) {
    CostModel model(kRates);
    const LoweredOp op = op_named("matmul_1", 1 << 20, 1 << 16);
    const CostFigure foreign{"matmul", 20, 16, 8, 4000000000U};
    ASSERT_EQ(model.merge({&foreign, 1}), 1U);
    const double measured = 2 * roofline_seconds(kRates, op);
    for (int i = 0; i < 100; ++i)
        learn(model, op, measured);
    EXPECT_NEAR(seconds_of(model, op) / measured, 1, 0.01);
}

TEST(CostModel, ImpossibleFiguresAreRefused) {
    CostModel model(kRates);
    const double nan = std::nan("");
    const std::vector<CostFigure> figures = {
        {"", 1, 1, 1, 1},
        {std::string(kMaxKindBytes + 1, 'a'), 1, 1, 1, 1},
        {"drop\ntable", 1, 1, 1, 1},
        {"matmul", -1, 1, 1, 1},
        {"matmul", 1, 64, 1, 1},
        {"matmul", 1, 1, nan, 1},
        {"matmul", 1, 1, std::numeric_limits<double>::infinity(), 1},
        {"matmul", 1, 1, 0, 1},
        {"matmul", 1, 1, -3, 1},
        {"matmul", 1, 1, 1e9, 1},
        {"matmul", 1, 1, 1, 0},
    };
    EXPECT_EQ(model.merge(figures), 0U);
    EXPECT_EQ(model.size(), 0U);
}

TEST(CostModel, MergingIsBounded) {
    CostModel model(kRates, 8);
    const LoweredOp op = op_named("matmul_1", 1e7, 1e6);
    learn(model, op, 2 * roofline_seconds(kRates, op));
    std::vector<CostFigure> figures;
    for (std::int32_t i = 0; i < 60; ++i)
        figures.push_back({"add", i, i, 2, 3});
    EXPECT_EQ(model.merge(figures), 7U);
    EXPECT_EQ(model.size(), 8U);
    EXPECT_NEAR(seconds_of(model, op), 2 * roofline_seconds(kRates, op), 1e-12);
}

}  // namespace
}  // namespace tensile
