// Summaries of hand-made plans that keep, swap, drop, compute again, and leave variables away.
#include "planner/plan_summary.h"

#include <gtest/gtest.h>

#include "tensor/error.h"

namespace tensile {
namespace {

constexpr std::uint64_t kBytes = 4096;
constexpr LinkModel kLink{1e6, 2e6, 2e6, 0.001};
constexpr double kOutSeconds = 0.001 + 4096 / 2e6;
constexpr double kInSeconds = 0.001 + 4096 / 1e6;

// x -> a -> b -> c -> d(a, c), an output; `tmp` is scratch of the first op.
enum Tensor : std::int32_t { kX, kA, kB, kC, kD, kTmp };
enum Op : std::int32_t { kMakeA, kMakeB, kMakeC, kMakeD };

LoweredProgram chain() {
    LoweredProgram program;
    program.name = "chain";
    program.tensors = {
        {"x", LoweredKind::kInput, kBytes, {}, false},  {"a", LoweredKind::kResult, kBytes, {}, false},
        {"b", LoweredKind::kResult, kBytes, {}, false}, {"c", LoweredKind::kResult, kBytes, {}, false},
        {"d", LoweredKind::kResult, kBytes, {}, true},  {"tmp", LoweredKind::kScratch, kBytes, {}, false}};
    program.ops = {{"make_a", {kX}, {kA, kTmp}, 0, 0},
                   {"make_b", {kA}, {kB}, 0, 0},
                   {"make_c", {kB}, {kC}, 0, 0},
                   {"make_d", {kA, kC}, {kD}, 0, 0}};
    return program;
}
const std::vector<double> kSeconds = {1, 2, 3, 4};

Action run(std::int32_t op, std::vector<std::int32_t> opens, std::vector<std::int32_t> waits = {}) {
    return {ActionKind::kRun, op, std::move(opens), std::move(waits), {}};
}
Action copy_out(std::int32_t place, std::vector<std::int32_t> waits) {
    return {ActionKind::kCopyOut, place, {}, std::move(waits), {}};
}
Action copy_in(std::int32_t place, std::vector<std::int32_t> waits) {
    return {ActionKind::kCopyIn, place, {}, std::move(waits), {}};
}

Place place(std::int32_t tensor, std::uint64_t slot) {
    return {tensor, slot * kBytes, kBytes};
}

Plan plan_of(std::vector<Place> places, std::vector<std::int32_t> initial, std::vector<Action> actions) {
    Plan plan;
    plan.program = "chain";
    plan.homes.resize(6);
    plan.places = std::move(places);
    plan.initial_places = std::move(initial);
    plan.actions = std::move(actions);
    for (const Place& stay : plan.places)
        plan.extent_bytes = std::max(plan.extent_bytes, stay.offset + stay.bytes);
    plan.peak_bytes = plan.extent_bytes;
    plan.minimum_bytes = plan.extent_bytes;
    return plan;
}

const TensorDecision& row_of(const std::vector<TensorDecision>& rows, std::int32_t tensor) {
    for (const TensorDecision& row : rows)
        if (row.tensor == tensor) return row;
    throw std::out_of_range("no such tensor in the summary");
}

TEST(PlanSummary, WhatIsKeptCostsNothing) {
    const Plan plan = plan_of({place(kX, 0), place(kA, 1), place(kTmp, 2), place(kB, 3), place(kC, 4), place(kD, 5)},
                              {0}, {run(kMakeA, {1, 2}), run(kMakeB, {3}), run(kMakeC, {4}), run(kMakeD, {5})});
    const std::vector<TensorDecision> rows = summarize(chain(), plan, kLink, kSeconds);
    ASSERT_EQ(rows.size(), 5U);  // scratch is left out
    for (const TensorDecision& row : rows) {
        EXPECT_EQ(row.decision, Decision::kKeep);
        EXPECT_EQ(row.stays, 1);
        EXPECT_EQ(row.copied_in + row.copied_out, 0U);
        EXPECT_EQ(row.copy_seconds, 0.0);
        EXPECT_EQ(row.recompute_seconds, 0.0);
    }
    EXPECT_EQ(row_of(rows, kX).first_op, kMakeA);
    EXPECT_EQ(row_of(rows, kX).last_op, kMakeA);
    EXPECT_EQ(row_of(rows, kA).first_op, kMakeA);
    EXPECT_EQ(row_of(rows, kA).last_op, kMakeD);
    EXPECT_EQ(row_of(rows, kD).first_op, kMakeD);
}

// `a` leaves after make_b and comes back for make_d.
Plan swapping_plan() {
    return plan_of({place(kX, 0), place(kA, 1), place(kTmp, 2), place(kB, 3), place(kC, 4), place(kA, 2), place(kD, 5)},
                   {0},
                   {run(kMakeA, {1, 2}), run(kMakeB, {3}), copy_out(1, {0}), run(kMakeC, {4}), copy_in(5, {0, 2}),
                    run(kMakeD, {6}, {4})});
}

TEST(PlanSummary, SwappedTensorsCarryTheirCopies) {
    const std::vector<TensorDecision> rows = summarize(chain(), swapping_plan(), kLink, kSeconds);
    const TensorDecision& swapped = row_of(rows, kA);
    EXPECT_EQ(swapped.decision, Decision::kSwap);
    EXPECT_EQ(swapped.stays, 2);
    EXPECT_EQ(swapped.copied_out, kBytes);
    EXPECT_EQ(swapped.copied_in, kBytes);
    ASSERT_TRUE(swapped.copy_seconds);
    EXPECT_DOUBLE_EQ(*swapped.copy_seconds, kOutSeconds + kInSeconds);
    EXPECT_EQ(row_of(rows, kB).decision, Decision::kKeep);
}

TEST(PlanSummary, CopiesOfAnUnmeasuredLinkHaveNoTime) {
    const std::vector<TensorDecision> rows = summarize(chain(), swapping_plan(), LinkModel{}, kSeconds);
    EXPECT_FALSE(row_of(rows, kA).copy_seconds);
    EXPECT_EQ(row_of(rows, kB).copy_seconds, 0.0);
}

TEST(PlanSummary, WhatRunsAgainIsSharedByBytes) {
    LoweredProgram program = chain();
    // make_a also makes "e" of three times the bytes.
    program.tensors.push_back({"e", LoweredKind::kResult, 3 * kBytes, {}, false});
    program.ops[kMakeA].writes.push_back(6);
    Plan plan = plan_of({place(kX, 0), place(kA, 1), place(kTmp, 2), place(kB, 3), place(kC, 4), place(kA, 1),
                         place(kTmp, 2), place(kD, 5)},
                        {0}, {});
    plan.homes.resize(7);
    plan.places.push_back({6, 8 * kBytes, 3 * kBytes});
    plan.places.push_back({6, 8 * kBytes, 3 * kBytes});
    plan.actions = {run(kMakeA, {1, 2, 8}), run(kMakeB, {3}), run(kMakeC, {4}), run(kMakeA, {5, 6, 9}),
                    run(kMakeD, {7})};
    const std::vector<TensorDecision> rows = summarize(program, plan, kLink, kSeconds);
    EXPECT_EQ(row_of(rows, kA).decision, Decision::kRecompute);
    EXPECT_EQ(row_of(rows, kA).stays, 2);
    EXPECT_DOUBLE_EQ(row_of(rows, kA).recompute_seconds, 0.25);
    EXPECT_EQ(row_of(rows, 6).decision, Decision::kRecompute);
    EXPECT_DOUBLE_EQ(row_of(rows, 6).recompute_seconds, 0.75);
    EXPECT_EQ(row_of(rows, kB).decision, Decision::kKeep);
}

TEST(PlanSummary, WhatTheHostHasIsDropped) {
    const Plan plan = plan_of({place(kX, 0), place(kA, 1), place(kTmp, 2), place(kB, 3), place(kA, 1)}, {0},
                              {run(kMakeA, {1, 2}), copy_in(4, {0})});
    const TensorDecision dropped = row_of(summarize(chain(), plan, kLink, kSeconds), kA);
    EXPECT_EQ(dropped.decision, Decision::kDrop);
    EXPECT_EQ(dropped.copied_out, 0U);
    EXPECT_EQ(dropped.copied_in, kBytes);
    EXPECT_DOUBLE_EQ(*dropped.copy_seconds, kInSeconds);
}

TEST(PlanSummary, VariablesOfTheHostAreAway) {
    LoweredProgram program = chain();
    program.tensors[kX].kind = LoweredKind::kVariable;
    Plan plan = plan_of({place(kX, 0), place(kA, 1), place(kTmp, 2)}, {}, {copy_in(0, {}), run(kMakeA, {1, 2}, {0})});
    plan.homes[kX].home = Home::kHost;
    const TensorDecision away = row_of(summarize(program, plan, kLink, kSeconds), kX);
    EXPECT_EQ(away.decision, Decision::kAway);
    EXPECT_EQ(away.stays, 1);
    EXPECT_EQ(away.copied_in, kBytes);
}

TEST(PlanSummary, TensorsOutsideThePlanStayNowhere) {
    LoweredProgram program = chain();
    program.tensors[kX].kind = LoweredKind::kConstant;
    const Plan plan = plan_of({place(kA, 1), place(kTmp, 2)}, {}, {run(kMakeA, {0, 1})});
    const TensorDecision outside = row_of(summarize(program, plan, kLink, kSeconds), kX);
    EXPECT_EQ(outside.decision, Decision::kKeep);
    EXPECT_EQ(outside.stays, 0);
}

TEST(PlanSummary, RefusesTimesOfAnotherProgram) {
    const std::vector<double> seconds = {1, 2};
    EXPECT_THROW(summarize(chain(), swapping_plan(), kLink, seconds), InternalError);
}

TEST(PlanSummary, DecisionsHaveNames) {
    EXPECT_STREQ(name_of(Decision::kKeep), "keep");
    EXPECT_STREQ(name_of(Decision::kSwap), "swap");
    EXPECT_STREQ(name_of(Decision::kDrop), "drop");
    EXPECT_STREQ(name_of(Decision::kRecompute), "recompute");
    EXPECT_STREQ(name_of(Decision::kAway), "away");
}

}  // namespace
}  // namespace tensile
