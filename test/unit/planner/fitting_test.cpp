// Schedules whose bytes fit a budget but whose placement may not: fitting gives them offsets, and the plans are proved.
#include "planner/fitting.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "planner/access_sequence.h"
#include "planner/checker.h"
#include "planner/rehearsal.h"
#include "unit/planner/random_program.h"

namespace tensile {
namespace {

constexpr std::uint64_t kPage = kCopyAlignment;
const LinkModel kLink = {1e10, 1e10, 2e10, 1e-5};

AccessSequence sequence_of(const LoweredProgram& program, std::span<const double> seconds,
                           std::span<const TensorHome> homes) {
    std::vector<std::int32_t> order(program.ops.size());
    std::iota(order.begin(), order.end(), 0);
    return AccessSequence(program, order, seconds, homes);
}

// `a` and `b` of two pages lie between the ends of an extent of six; `c` needs two pages beside each other, and only
// gaps of one are left while `d` of one page is in use.
struct Fragmented {
    LoweredProgram program;
    std::vector<double> seconds;
    std::vector<TensorHome> homes;
    Schedule schedule;

    Fragmented() {
        program.name = "fragmented";
        for (const char* name : {"a", "gap", "b", "c"})
            program.tensors.push_back({name, LoweredKind::kResult, (name[0] == 'g' ? 1 : 2) * kPage, {}, false});
        program.ops.push_back({"make a", {}, {0}, 1, 1});
        program.ops.push_back({"make gap", {}, {1}, 1, 1});
        program.ops.push_back({"make b", {1}, {2}, 1, 1});
        program.ops.push_back({"make c", {}, {3}, 1, 1});
        program.ops.push_back({"use c", {3}, {}, 1, 1});
        program.ops.push_back({"use a", {0}, {}, 1, 1});
        program.ops.push_back({"use b", {2}, {}, 1, 1});
        seconds.assign(program.ops.size(), 1e-3);
        homes.resize(program.tensors.size());
        schedule.sequence = {0, 1, 2, 3, 4, 5, 6};
        schedule.stays = {
            {0, 0, 5, false, false}, {1, 1, 2, false, false}, {2, 2, 6, false, false}, {3, 3, 4, false, false}};
    }
};

TEST(Fitting, MovesOnlyWhatIsInTheWay) {
    const Fragmented test;
    const AccessSequence accesses = sequence_of(test.program, test.seconds, test.homes);
    // From the bottom: a, the page of `gap`, b. Behind b one page is left, before it another one.
    const auto fitted = fit_schedule(accesses, test.schedule, kLink, {0, 6 * kPage, kPage, 0});
    ASSERT_TRUE(fitted.has_value());
    EXPECT_EQ(fitted->moved_bytes, 2 * kPage);
    const Plan plan = place_schedule_at(test.program, fitted->schedule, test.homes, 0, fitted->offsets);
    EXPECT_EQ(find_violation(test.program, plan), std::nullopt) << plan.to_string(test.program);
    EXPECT_LE(plan.extent_bytes, 6 * kPage);
    EXPECT_FALSE(plan.moves_nothing());
}

TEST(Fitting, LeavesAloneWhatFits) {
    const Fragmented test;
    const AccessSequence accesses = sequence_of(test.program, test.seconds, test.homes);
    const auto fitted = fit_schedule(accesses, test.schedule, kLink, {0, 7 * kPage, kPage, 0});
    ASSERT_TRUE(fitted.has_value());
    EXPECT_EQ(fitted->moved_bytes, 0U);
    EXPECT_TRUE(place_schedule_at(test.program, fitted->schedule, test.homes, 0, fitted->offsets).moves_nothing());
}

TEST(Fitting, GivesUpWhereAllIsInUse) {
    const Fragmented test;
    const AccessSequence accesses = sequence_of(test.program, test.seconds, test.homes);
    EXPECT_FALSE(fit_schedule(accesses, test.schedule, kLink, {0, 2 * kPage, kPage, 0}).has_value());
}

TEST(Fitting, PlansOfRandomProgramsAreProvedAndWithinTheLimit) {
    std::uint64_t moved = 0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        const LoweredProgram program = random_lowered_program(seed, 10 + static_cast<int>(seed % 60));
        const std::vector<double> seconds(program.ops.size(), 1e-4);
        std::vector<TensorHome> homes(program.tensors.size());
        std::uint64_t state = 0;
        for (std::size_t i = 0; i < homes.size(); ++i) {
            if (program.tensors[i].kind != LoweredKind::kVariable) continue;
            homes[i] = {Home::kResident, state};
            state += aligned_size(program.tensors[i].bytes, kPage);
        }
        const AccessSequence accesses = sequence_of(program, seconds, homes);
        const std::vector<std::uint64_t> live = accesses.live_bytes();
        const std::uint64_t peak = *std::max_element(live.begin(), live.end());
        for (const Relief relief : {Relief::kPressure, Relief::kStaleness})
            for (const double share : {0.9, 0.75, 0.6}) {
                RehearsalRules rules;
                rules.limit_bytes = static_cast<std::uint64_t>(share * static_cast<double>(peak));
                rules.relief = relief;
                rules.moves_residents = seed % 2 == 0;
                const auto rehearsal = rehearse(accesses, kLink, rules);
                if (!rehearsal) continue;
                const std::uint64_t limit = std::max(rules.limit_bytes, state);
                for (const std::int32_t long_stay : {0, 8}) {
                    const auto fitted =
                        fit_schedule(accesses, rehearsal->schedule, kLink, {state, limit, kPage, long_stay});
                    if (!fitted) continue;
                    const Plan plan = place_schedule_at(program, fitted->schedule, homes, state, fitted->offsets);
                    ASSERT_EQ(find_violation(program, plan), std::nullopt) << seed << "\n" << plan.to_string(program);
                    EXPECT_LE(plan.extent_bytes, limit);
                    moved += fitted->moved_bytes;
                }
            }
    }
    EXPECT_GT(moved, 0U);
}

}  // namespace
}  // namespace tensile
