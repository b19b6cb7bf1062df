// Live ranges and the plan that moves nothing.
#include "planner/liveness.h"

#include <gtest/gtest.h>

#include "planner/checker.h"
#include "tensor/error.h"
#include "unit/planner/random_program.h"

namespace tensile {
namespace {

// x -> a = f(x, w) with scratch -> b = g(a) -> w updated in place from b; b is an output.
LoweredProgram small_program() {
    LoweredProgram program;
    program.name = "small";
    program.tensors = {{"x", LoweredKind::kInput, 100, {}, false},  {"w", LoweredKind::kVariable, 1000, {}, false},
                       {"a", LoweredKind::kResult, 200, {}, false}, {"f.scratch", LoweredKind::kScratch, 64, {}, false},
                       {"b", LoweredKind::kResult, 300, {}, true},  {"c", LoweredKind::kConstant, 8, {}, false},
                       {"d", LoweredKind::kResult, 100, {}, false}};
    program.ops = {{"f", {0, 1}, {2, 3}}, {"g", {2, 5}, {4}}, {"h", {4}, {6}}, {"update", {6, 1}, {1}}};
    return program;
}

TEST(LiveRanges, FollowFirstAndLastUse) {
    const std::vector<LiveRange> ranges = live_ranges(small_program());
    EXPECT_EQ(ranges[0].first, LiveRange::kBeforeFirst);
    EXPECT_EQ(ranges[0].last, 0);
    EXPECT_EQ(ranges[2].first, 0);
    EXPECT_EQ(ranges[2].last, 1);
    EXPECT_EQ(ranges[3].first, 0);
    EXPECT_EQ(ranges[3].last, 0);
    EXPECT_EQ(ranges[4].first, 1);
    EXPECT_EQ(ranges[4].last, 4) << "outputs live to the end";
    EXPECT_EQ(ranges[6].last, 3);
}

TEST(LiveRanges, ReadingWhatNobodyWroteIsADefect) {
    LoweredProgram program = small_program();
    program.ops[0].reads.push_back(6);
    EXPECT_THROW(live_ranges(program), InternalError);
}

TEST(PlanInPlace, TextIsStable) {
    const LoweredProgram program = small_program();
    EXPECT_EQ(plan_in_place(program).to_string(program),
              "plan small: extent 576, state 0, peak 576, minimum 576\n"
              "tensor 0 x: input, 100 bytes\n"
              "tensor 1 w: variable, 1000 bytes\n"
              "tensor 2 a: result, 200 bytes\n"
              "tensor 3 f.scratch: scratch, 64 bytes\n"
              "tensor 4 b: result, 300 bytes, output\n"
              "tensor 5 c: constant, 8 bytes\n"
              "tensor 6 d: result, 100 bytes\n"
              "open x at 0\n"
              "0: run f -> a at 320, f.scratch at 128\n"
              "1: run g -> b at 0\n"
              "2: run h -> d at 320\n"
              "3: run update\n");
}

TEST(PlanInPlace, UnusedInputsAndResultsArePlanned) {
    LoweredProgram program = small_program();
    program.tensors.push_back({"unused input", LoweredKind::kInput, 64, {}, false});
    program.tensors.push_back({"unused result", LoweredKind::kResult, 64, {}, false});
    const Plan plan = plan_in_place(program);
    EXPECT_EQ(find_violation(program, plan), std::nullopt);
}

TEST(PlanInPlace, AnInputThatIsAnOutputKeepsItsPlace) {
    LoweredProgram program = small_program();
    program.tensors[0].is_output = true;
    const Plan plan = plan_in_place(program);
    EXPECT_EQ(find_violation(program, plan), std::nullopt);
    const std::int32_t place = first_places(program, plan)[0];
    EXPECT_EQ(last_places(program, plan)[0], place);
    for (std::size_t i = 0; i < plan.places.size(); ++i) {
        const Place& other = plan.places[i];
        const Place& input = plan.places[static_cast<std::size_t>(place)];
        EXPECT_TRUE(static_cast<std::int32_t>(i) == place || other.offset >= input.offset + input.bytes ||
                    input.offset >= other.offset + other.bytes);
    }
}

TEST(PlanInPlace, NothingMovesAndNothingWaits) {
    const LoweredProgram program = layered_training_program(5, 1 << 12, 1 << 10);
    const Plan plan = plan_in_place(program);
    EXPECT_TRUE(plan.moves_nothing());
    EXPECT_TRUE(plan.feed_waits.empty());
    for (const Action& action : plan.actions)
        EXPECT_TRUE(action.waits.empty() && action.previous_waits.empty());
}

TEST(PlanInPlace, TrainingProgramsMeetTheLowerBound) {
    for (const int layers : {1, 3, 10, 50}) {
        const LoweredProgram program = layered_training_program(layers, 1 << 20, 3 << 18);
        const Plan plan = plan_in_place(program);
        EXPECT_EQ(find_violation(program, plan), std::nullopt);
        EXPECT_LE(static_cast<double>(plan.extent_bytes), 1.05 * static_cast<double>(plan.peak_bytes)) << layers;
        EXPECT_EQ(plan.minimum_bytes, plan.extent_bytes);
    }
}

TEST(PlanInPlace, RandomProgramsAreProved) {
    double total_extent = 0;
    double total_peak = 0;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        const LoweredProgram program = random_lowered_program(seed, 1 + static_cast<int>(seed % 120));
        const Plan plan = plan_in_place(program);
        ASSERT_EQ(find_violation(program, plan), std::nullopt) << plan.to_string(program);
        ASSERT_EQ(plan_in_place(program).to_string(program), plan.to_string(program));
        total_extent += static_cast<double>(plan.extent_bytes);
        total_peak += static_cast<double>(plan.peak_bytes);
    }
    EXPECT_LE(total_extent, 1.05 * total_peak);
}

}  // namespace
}  // namespace tensile
