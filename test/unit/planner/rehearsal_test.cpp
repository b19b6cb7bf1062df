// What leaves, how it comes back, and where: each rule of a rehearsal on a program made for it.
#include "planner/rehearsal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <vector>

#include "planner/access_sequence.h"
#include "planner/checker.h"
#include "planner/schedule.h"

namespace tensile {
namespace {

constexpr std::uint64_t kPage = kCopyAlignment;
const LinkModel kLink = {1e9, 1e9, 2e9, 1e-6};

LoweredTensor tensor(const char* name, LoweredKind kind, std::uint64_t pages) {
    return {name, kind, pages * kPage, {}, false};
}

AccessSequence sequence_of(const LoweredProgram& program, std::span<const double> seconds,
                           std::span<const TensorHome> homes) {
    std::vector<std::int32_t> order(program.ops.size());
    std::iota(order.begin(), order.end(), 0);
    return AccessSequence(program, order, seconds, homes);
}

std::vector<Stay> stays_of(const Schedule& schedule, std::int32_t of) {
    std::vector<Stay> stays;
    std::copy_if(schedule.stays.begin(), schedule.stays.end(), std::back_inserter(stays),
                 [&](const Stay& stay) { return stay.tensor == of; });
    return stays;
}

// Of two tensors of one size and price the one goes first that was not used for longer, although it is needed first.
TEST(Rehearsal, ByStalenessTheLongestUnusedLeaves) {
    LoweredProgram program;
    program.name = "staleness";
    for (const char* name : {"old", "young", "new"})
        program.tensors.push_back(tensor(name, LoweredKind::kResult, 1));
    program.ops.push_back({"make old", {}, {0}, 1, 1});
    program.ops.push_back({"make young", {}, {1}, 1, 1});
    program.ops.push_back({"make new", {}, {2}, 1, 1});
    program.ops.push_back({"use old", {0}, {}, 1, 1});
    program.ops.push_back({"use new", {2}, {}, 1, 1});
    program.ops.push_back({"use young", {1}, {}, 1, 1});
    const std::vector<double> seconds(program.ops.size(), 1e-3);
    const std::vector<TensorHome> homes(program.tensors.size());
    const AccessSequence accesses = sequence_of(program, seconds, homes);
    for (const Relief relief : {Relief::kStaleness, Relief::kNextUse}) {
        RehearsalRules rules;
        rules.limit_bytes = 2 * kPage;
        rules.recomputes = false;
        rules.relief = relief;
        const auto rehearsal = rehearse(accesses, kLink, rules);
        ASSERT_TRUE(rehearsal.has_value());
        EXPECT_EQ(stays_of(rehearsal->schedule, 0).size(), relief == Relief::kStaleness ? 2U : 1U);
        if (relief == Relief::kNextUse) {
            EXPECT_EQ(stays_of(rehearsal->schedule, 1).size(), 2U);
        }
    }
}

// A resident variable that is used first and last makes room for what is made meanwhile, and comes home.
TEST(Rehearsal, ResidentVariablesMayBeAbsentWithinAStep) {
    LoweredProgram program;
    program.name = "absence";
    program.tensors = {tensor("variable", LoweredKind::kVariable, 4), tensor("small", LoweredKind::kResult, 1),
                       tensor("large", LoweredKind::kResult, 4)};
    program.ops.push_back({"read", {0}, {1}, 1, 1});
    program.ops.push_back({"make large", {}, {2}, 1, 1});
    program.ops.push_back({"use large", {2}, {}, 1, 1});
    program.ops.push_back({"update", {0, 1}, {0}, 1, 1});
    const std::vector<double> seconds(program.ops.size(), 1e-3);
    std::vector<TensorHome> homes(program.tensors.size());
    homes[0] = {Home::kResident, 0};
    const AccessSequence accesses = sequence_of(program, seconds, homes);
    RehearsalRules rules;
    rules.limit_bytes = 6 * kPage;
    rules.recomputes = false;
    EXPECT_FALSE(rehearse(accesses, kLink, rules).has_value());
    rules.moves_residents = true;
    const auto rehearsal = rehearse(accesses, kLink, rules);
    ASSERT_TRUE(rehearsal.has_value());
    const std::vector<Stay> stays = stays_of(rehearsal->schedule, 0);
    ASSERT_EQ(stays.size(), 2U);
    EXPECT_TRUE(stays[0].copied_out);
    EXPECT_EQ(stays[0].first, Stay::kBeforeFirst);
    EXPECT_LT(stays[0].last, 1);
    EXPECT_TRUE(stays[1].copied_in);
    EXPECT_GT(stays[1].first, 1);
    EXPECT_EQ(stays[1].last, accesses.end());
    const auto plan = place_schedule(program, rehearsal->schedule, homes, 4 * kPage, kUnlimited);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(find_violation(program, *plan), std::nullopt) << plan->to_string(program);
    for (const Place& place : plan->places)
        EXPECT_TRUE(place.tensor != 0 || place.offset == 0);
}

// A variable that is away is written back by one execution and fetched by the next: the fetch waits for that copy.
TEST(Rehearsal, TheNextExecutionsCopyInWaitsForTheCopyOut) {
    LoweredProgram program;
    program.name = "away";
    program.tensors = {tensor("variable", LoweredKind::kVariable, 1)};
    program.ops.push_back({"update", {0}, {0}, 1, 1});
    const std::vector<double> seconds = {1e-3};
    std::vector<TensorHome> homes(1);
    homes[0].home = Home::kHost;
    const AccessSequence accesses = sequence_of(program, seconds, homes);
    RehearsalRules rules;
    rules.limit_bytes = kPage;
    const auto rehearsal = rehearse(accesses, kLink, rules);
    ASSERT_TRUE(rehearsal.has_value());
    auto plan = place_schedule(program, rehearsal->schedule, homes, 0, kUnlimited);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(find_violation(program, *plan), std::nullopt);
    const auto find = [&](ActionKind kind) {
        return std::find_if(plan->actions.begin(), plan->actions.end(),
                            [&](const Action& action) { return action.kind == kind; });
    };
    const auto in = find(ActionKind::kCopyIn);
    const auto out = find(ActionKind::kCopyOut);
    ASSERT_NE(in, plan->actions.end());
    ASSERT_NE(out, plan->actions.end());
    EXPECT_EQ(in->previous_waits, std::vector<std::int32_t>{static_cast<std::int32_t>(out - plan->actions.begin())});
    // Without it the next execution may read what is not written yet.
    in->previous_waits.clear();
    EXPECT_NE(find_violation(program, *plan), std::nullopt);
}

}  // namespace
}  // namespace tensile
