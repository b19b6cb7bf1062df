// Steps teach the cost model: which are measured, and what is known of a job afterwards.
#include "runtime/step_costs.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/fake_device.h"

namespace tensile {
namespace {

LoweredProgram program_of(const std::string& kind) {
    LoweredProgram program;
    program.name = kind;
    program.ops = {{kind + "_1", {}, {}, 1e6, 1e6}, {"never_2", {}, {}, 1e6, 1e6}};
    return program;
}

constexpr DeviceRates kRates{1e9, 1e9, 1e-6};

// One step that runs the first op only; returns whether it was measured.
bool step(StepCosts& costs, CostModel& model, std::size_t program) {
    const auto measurements = [&] {
        std::uint64_t sum = 0;
        for (const CostFigure& figure : model.figures(100))
            sum += figure.count;
        return sum;
    };
    const std::uint64_t before = measurements();
    const OpTimes times = costs.begin(program);
    testing::FakeDevice device;
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    times.time(0, *stream, [] {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
        return LaunchStatus::kCompleted;
    });
    costs.learn(program);
    return measurements() > before;
}

TEST(StepCosts, TheFirstStepsAndSomeLaterOnesAreMeasured) {
    CostModel model(kRates);
    StepCosts costs(model);
    costs.add(program_of("matmul"));
    for (std::uint64_t i = 0; i < 100; ++i)
        EXPECT_EQ(step(costs, model, 0), i < StepCosts::kMeasuredAtFirst || i % StepCosts::kMeasuredEvery == 0) << i;
}

TEST(StepCosts, FiguresAreThoseOfTheJob) {
    CostModel model(kRates);
    StepCosts others(model);
    others.add(program_of("tanh"));
    StepCosts costs(model);
    costs.add(program_of("matmul"));
    costs.add(program_of("add"));
    step(others, model, 0);
    EXPECT_TRUE(costs.figures(100).empty());
    step(costs, model, 0);
    step(costs, model, 1);
    const std::vector<CostFigure> figures = costs.figures(100);
    ASSERT_EQ(figures.size(), 2U);  // no op that never ran
    EXPECT_EQ(figures[0].kind, "add");
    EXPECT_EQ(figures[1].kind, "matmul");
    // Slept for at least 50 us; the roofline says 1 ms.
    EXPECT_GE(costs.expected_seconds(0)[0], 50e-6);
    EXPECT_DOUBLE_EQ(costs.expected_seconds(0)[1], 1e6 / 1e9 + 1e-6);
}

TEST(StepCosts, WhatIsNotHandedOverTeachesNothing) {
    CostModel model(kRates);
    StepCosts costs(model);
    costs.add(program_of("matmul"));
    testing::FakeDevice device;
    const auto stream = device.create_stream(StreamClass::kCompute, StreamPriority::kTraining);
    EXPECT_EQ(costs.begin(0).time(0, *stream, [] { return LaunchStatus::kStopped; }), LaunchStatus::kStopped);
    EXPECT_TRUE(model.figures(100).empty());
}

}  // namespace
}  // namespace tensile
