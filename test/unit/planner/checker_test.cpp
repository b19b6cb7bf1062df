// The checker accepts what the planner makes and rejects every way of breaking it.
#include "planner/checker.h"

#include <gtest/gtest.h>

#include "planner/liveness.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "unit/planner/random_program.h"

namespace tensile {
namespace {

// two chains over one input: x -> a -> b (output), with `b` on the bytes of `x`.
struct Sample {
    LoweredProgram program;
    Plan plan;
};

Sample sample() {
    Sample made;
    made.program.name = "sample";
    made.program.tensors = {{"x", LoweredKind::kInput, 128, {}, false},
                            {"a", LoweredKind::kResult, 128, {}, false},
                            {"b", LoweredKind::kResult, 128, {}, true},
                            {"w", LoweredKind::kVariable, 128, {}, false}};
    made.program.ops = {{"f", {0, 3}, {1}}, {"g", {1}, {2}}, {"update", {2, 3}, {3}}};
    made.plan.program = "sample";
    made.plan.offsets = {0, 128, 0, kNoOffset};
    made.plan.extent_bytes = 256;
    made.plan.peak_bytes = 256;
    made.plan.minimum_bytes = 256;
    made.plan.actions = {{ActionKind::kRun, 0, {}},
                         {ActionKind::kRelease, 0, {0}},
                         {ActionKind::kRun, 1, {0, 1}},
                         {ActionKind::kRelease, 1, {2}},
                         {ActionKind::kRun, 2, {2}}};
    return made;
}

::testing::AssertionResult rejected(const Sample& broken, const std::string& because) {
    const auto violation = find_violation(broken.program, broken.plan);
    if (!violation) return ::testing::AssertionFailure() << "the plan was accepted";
    if (violation->find(because) == std::string::npos) return ::testing::AssertionFailure() << *violation;
    return ::testing::AssertionSuccess();
}

TEST(Checker, AcceptsTheSample) {
    const Sample made = sample();
    EXPECT_EQ(find_violation(made.program, made.plan), std::nullopt);
    EXPECT_NO_THROW(check_plan(made.program, made.plan));
}

TEST(Checker, ThrowsTheViolation) {
    Sample broken = sample();
    broken.plan.offsets[1] = 64;
    EXPECT_THROW(check_plan(broken.program, broken.plan), InternalError);
}

TEST(Checker, RejectsMisplacedTensors) {
    Sample broken = sample();
    broken.plan.offsets[1] = 64;
    EXPECT_TRUE(rejected(broken, "live at once"));
    broken = sample();
    broken.plan.offsets[1] = 192;
    EXPECT_TRUE(rejected(broken, "beyond the extent"));
    broken = sample();
    broken.plan.offsets[1] = ~std::uint64_t{0} - 63;
    EXPECT_TRUE(rejected(broken, "beyond the extent"));
    broken = sample();
    broken.plan.offsets[1] = 120;
    EXPECT_TRUE(rejected(broken, "not aligned"));
    broken = sample();
    broken.plan.offsets[1] = kNoOffset;
    EXPECT_TRUE(rejected(broken, "has no offset"));
    broken = sample();
    broken.plan.offsets[3] = 0;
    EXPECT_TRUE(rejected(broken, "outside the extent"));
    broken = sample();
    broken.plan.offsets.pop_back();
    EXPECT_TRUE(rejected(broken, "another program"));
}

TEST(Checker, RejectsMissingOrder) {
    Sample broken = sample();
    broken.plan.actions[2].after = {1};  // still after op f, through the release of x
    EXPECT_EQ(find_violation(broken.program, broken.plan), std::nullopt);
    broken.plan.actions[2].after = {0};  // b no longer waits for the release of x
    EXPECT_TRUE(rejected(broken, "live at once"));
    broken.plan.actions[2].after = {};
    EXPECT_TRUE(rejected(broken, "before"));
    broken = sample();
    broken.plan.actions[4].after = {};  // the update may overtake the readers of w
    EXPECT_FALSE(find_violation(broken.program, broken.plan) == std::nullopt);
    broken = sample();
    broken.plan.actions[0].after = {3};
    EXPECT_TRUE(rejected(broken, "not before it"));
}

TEST(Checker, RejectsAnUpdateThatOvertakesAReader) {
    Sample broken = sample();
    broken.program.ops[2].reads = {3};
    broken.plan.actions[4].after = {};
    EXPECT_TRUE(rejected(broken, "earlier content"));
}

TEST(Checker, RejectsEarlyAndWrongReleases) {
    Sample broken = sample();
    broken.plan.actions[3].after = {0};
    EXPECT_TRUE(rejected(broken, "may be released while"));
    broken = sample();
    broken.plan.actions[3] = {ActionKind::kRelease, 0, {2}};
    EXPECT_TRUE(rejected(broken, "twice"));
    broken = sample();
    broken.plan.actions.push_back({ActionKind::kRelease, 2, {4}});
    EXPECT_TRUE(rejected(broken, "is an output"));
    broken = sample();
    broken.plan.actions.push_back({ActionKind::kRelease, 3, {4}});
    EXPECT_TRUE(rejected(broken, "outside the extent"));
    broken = sample();
    broken.plan.actions.push_back({ActionKind::kRelease, 9, {4}});
    EXPECT_TRUE(rejected(broken, "does not exist"));
}

TEST(Checker, RejectsMissingAndRepeatedOps) {
    Sample broken = sample();
    broken.plan.actions.pop_back();
    EXPECT_TRUE(rejected(broken, "never runs"));
    broken = sample();
    broken.plan.actions.push_back(broken.plan.actions.back());
    EXPECT_TRUE(rejected(broken, "runs twice"));
}

TEST(Checker, RejectsProgramsThatCannotBeRight) {
    Sample broken = sample();
    broken.program.ops[0].reads = {2};
    EXPECT_TRUE(rejected(broken, "before any op has written it"));
    broken = sample();
    broken.program.tensors[1].kind = LoweredKind::kScratch;
    EXPECT_TRUE(rejected(broken, "is scratch"));
    broken = sample();
    broken.program.tensors[3].kind = LoweredKind::kConstant;
    EXPECT_TRUE(rejected(broken, "writes"));
}

TEST(Checker, RejectsUnderstatedSizes) {
    Sample broken = sample();
    broken.plan.peak_bytes = 192;
    EXPECT_TRUE(rejected(broken, "less than the bytes"));
    broken = sample();
    broken.plan.peak_bytes = 512;
    EXPECT_TRUE(rejected(broken, "exceeds its extent"));
    broken = sample();
    broken.plan.minimum_bytes = 512;
    EXPECT_TRUE(rejected(broken, "minimum exceeds"));
}

// Every `after` entry that a random plan has is needed: the planner emits no entry that follows from another, except
// where several reasons lead to it. So removing one is noticed, unless the closure of the rest still implies it.
bool still_ordered(const Plan& plan, std::int32_t earlier, std::size_t later) {
    std::vector<bool> reached(plan.actions.size());
    std::vector<std::size_t> open = {later};
    while (!open.empty()) {
        const std::size_t current = open.back();
        open.pop_back();
        for (const std::int32_t before : plan.actions[current].after) {
            if (before == earlier) return true;
            if (reached[static_cast<std::size_t>(before)]) continue;
            reached[static_cast<std::size_t>(before)] = true;
            open.push_back(static_cast<std::size_t>(before));
        }
    }
    return false;
}

TEST(Checker, RejectsRandomPlansWithoutOneDependency) {
    int removed = 0;
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
        const LoweredProgram program = random_lowered_program(seed, 40);
        const Plan plan = plan_in_place(program);
        for (std::size_t i = 0; i < plan.actions.size(); i += 3) {
            for (std::size_t k = 0; k < plan.actions[i].after.size(); ++k) {
                Plan broken = plan;
                auto& after = broken.actions[i].after;
                const std::int32_t earlier = after[k];
                after.erase(after.begin() + static_cast<std::ptrdiff_t>(k));
                if (still_ordered(broken, earlier, i)) continue;
                ++removed;
                ASSERT_TRUE(find_violation(program, broken))
                    << "seed " << seed << ", action " << i << " without " << earlier << "\n"
                    << plan.to_string(program);
            }
        }
    }
    EXPECT_GT(removed, 1000);
}

TEST(Checker, RejectsRandomPlansWithAMovedTensor) {
    int moved = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const LoweredProgram program = random_lowered_program(seed, 40);
        const std::vector<LiveRange> ranges = live_ranges(program);
        Plan plan = plan_in_place(program);
        // Onto a tensor that is live at the same time.
        const std::size_t count = program.tensors.size();
        const std::size_t a = random_below(seed, 7, 0, static_cast<std::uint32_t>(count));
        for (std::size_t b = 0; b < count; ++b) {
            if (a == b || !is_transient(program.tensors[a].kind) || !is_transient(program.tensors[b].kind)) continue;
            if (!ranges[a].overlaps(ranges[b])) continue;
            plan.offsets[a] = plan.offsets[b];
            plan.extent_bytes =
                std::max(plan.extent_bytes, plan.offsets[a] + (program.tensors[a].bytes + 63) / 64 * 64);
            ++moved;
            ASSERT_TRUE(find_violation(program, plan)) << seed;
            break;
        }
    }
    EXPECT_GT(moved, 150);
}

TEST(Checker, RejectsRandomPlansWithAnEarlyRelease) {
    int changed = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const LoweredProgram program = random_lowered_program(seed, 30);
        const Plan plan = plan_in_place(program);
        for (std::size_t i = 1; i < plan.actions.size(); ++i) {
            if (plan.actions[i].kind != ActionKind::kRelease || plan.actions[i].after.empty()) continue;
            Plan broken = plan;
            broken.actions[i].after.clear();
            ++changed;
            ASSERT_TRUE(find_violation(program, broken)) << seed << " " << i;
        }
    }
    EXPECT_GT(changed, 1000);
}

}  // namespace
}  // namespace tensile
