// Rows of plans: names for indices, and which rows are kept where there are too many.
#include "runtime/plan_rows.h"

#include <gtest/gtest.h>

#include "planner/liveness.h"

namespace tensile {
namespace {

LoweredProgram chain() {
    LoweredProgram program;
    program.name = "step";
    program.tensors = {{"x", LoweredKind::kInput, 64, {}, false},
                       {"a", LoweredKind::kResult, 128, {}, false},
                       {"y", LoweredKind::kResult, 64, {}, true},
                       {"unused", LoweredKind::kInput, 64, {}, false}};
    program.ops = {{"relu_1", {0}, {1}, 0, 0}, {"tanh_2", {1}, {2}, 0, 0}};
    return program;
}

TEST(PlanRows, NameWhatThePlanDecides) {
    const LoweredProgram program = chain();
    const std::vector<double> seconds = {1, 2};
    std::vector<PlanRow> rows;
    append_plan_rows(rows, program, plan_in_place(program), {}, seconds);
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[1].program, "step");
    EXPECT_EQ(rows[1].tensor, "a");
    EXPECT_EQ(rows[1].kind, "result");
    EXPECT_EQ(rows[1].bytes, 128U);
    EXPECT_EQ(rows[1].decision, "keep");
    EXPECT_EQ(rows[1].stays, 1);
    EXPECT_EQ(rows[1].copy_seconds, 0.0);
    EXPECT_EQ(rows[1].first_op, "relu_1");
    EXPECT_EQ(rows[1].last_op, "tanh_2");
    EXPECT_EQ(rows[3].first_op, "");
}

TEST(PlanRows, WhatMovesIsKeptBeforeWhatIsLarge) {
    std::vector<PlanRow> rows(4);
    rows[0] = {"p", "small", "result", 1, "keep", 1, 0, 0, {}, 0, "", ""};
    rows[1] = {"p", "large", "result", 1000, "keep", 1, 0, 0, {}, 0, "", ""};
    rows[2] = {"p", "middle", "result", 10, "keep", 1, 0, 0, {}, 0, "", ""};
    rows[3] = {"p", "swapped", "result", 5, "swap", 2, 5, 5, {}, 0, "", ""};
    keep_telling_rows(rows, 2);
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].tensor, "large");
    EXPECT_EQ(rows[1].tensor, "swapped");
    keep_telling_rows(rows, 2);
    EXPECT_EQ(rows.size(), 2U);
}

}  // namespace
}  // namespace tensile
