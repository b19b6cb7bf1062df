// Schedules become plans: hand-made ones action by action, random ones by the checker.
#include "planner/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "planner/checker.h"
#include "planner/liveness.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "unit/planner/random_program.h"

namespace tensile {
namespace {

constexpr std::uint64_t kPage = kCopyAlignment;

// x -> a = f(x) -> b = g(a) -> c = h(b) -> d = k(c, a), an output.
LoweredProgram chain_program() {
    LoweredProgram program;
    program.name = "chain";
    program.tensors = {{"x", LoweredKind::kInput, kPage, {}, false},
                       {"a", LoweredKind::kResult, kPage, {}, false},
                       {"b", LoweredKind::kResult, kPage, {}, false},
                       {"c", LoweredKind::kResult, kPage, {}, false},
                       {"d", LoweredKind::kResult, kPage, {}, true}};
    program.ops = {{"f", {0}, {1}}, {"g", {1}, {2}}, {"h", {2}, {3}}, {"k", {3, 1}, {4}}};
    return program;
}

std::vector<TensorHome> no_homes(const LoweredProgram& program) {
    return std::vector<TensorHome>(program.tensors.size());
}

TEST(PlaceSchedule, ASwapHasTheWaitsItNeedsAndNoOthers) {
    const LoweredProgram program = chain_program();
    // a leaves after g and is back for k: two pages suffice until k, which uses three.
    const Schedule schedule = {{0, 1, 2, 3},
                               {{0, -1, 0, false, false},
                                {1, 0, 1, false, true},
                                {1, 3, 3, true, false},
                                {2, 1, 2, false, false},
                                {3, 2, 3, false, false},
                                {4, 3, 4, false, false}}};
    const auto plan = place_schedule(program, schedule, no_homes(program), 0, 3 * kPage);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(find_violation(program, *plan), std::nullopt);
    EXPECT_EQ(plan->extent_bytes, 3 * kPage);
    EXPECT_EQ(plan->peak_bytes, 3 * kPage);
    ASSERT_EQ(plan->actions.size(), 6U);
    EXPECT_EQ(plan->actions[1].kind, ActionKind::kCopyOut) << "copies begin behind the last write";
    EXPECT_EQ(plan->actions[1].waits, std::vector<std::int32_t>{0});
    EXPECT_EQ(plan->actions[4].kind, ActionKind::kCopyIn);
    EXPECT_EQ(plan->actions[5].waits, std::vector<std::int32_t>{4});
    EXPECT_FALSE(plan->moves_nothing());
}

TEST(PlaceSchedule, WhoTakesTheBytesOfACopyOutWaitsForIt) {
    LoweredProgram program = chain_program();
    program.ops[3].reads = {3};
    program.tensors[1].is_output = true;
    const Schedule schedule = {{0, 1, 2, 3},
                               {{0, -1, 0, false, false},
                                {1, 0, 1, false, true},
                                {1, 4, 4, true, false},
                                {2, 1, 2, false, false},
                                {3, 2, 3, false, false},
                                {4, 3, 4, false, false}}};
    const auto plan = place_schedule(program, schedule, no_homes(program), 0, 2 * kPage);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(find_violation(program, *plan), std::nullopt);
    EXPECT_EQ(plan->actions[3].kind, ActionKind::kRun);
    EXPECT_EQ(plan->actions[3].waits, std::vector<std::int32_t>{1});
}

TEST(PlaceSchedule, AVariableThatIsAwayComesAndGoesEveryTime) {
    LoweredProgram program;
    program.tensors = {{"x", LoweredKind::kInput, kPage, {}, false}, {"w", LoweredKind::kVariable, kPage, {}, false}};
    program.ops = {{"update", {0, 1}, {1}}};
    std::vector<TensorHome> homes(2);
    homes[1].home = Home::kHost;
    const Schedule schedule = {{0}, {{0, -1, 0, false, false}, {1, 0, 1, true, true}}};
    const auto plan = place_schedule(program, schedule, homes, 0, 2 * kPage);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(find_violation(program, *plan), std::nullopt);
    ASSERT_EQ(plan->actions.size(), 3U);
    EXPECT_EQ(plan->actions[0].previous_waits, std::vector<std::int32_t>{2})
        << "the next execution reads what this one copies out";
    EXPECT_TRUE(plan->feed_waits.empty());
}

TEST(PlaceSchedule, InputsWaitForTheBytesOfCopiesThatAreStillUnderWay) {
    LoweredProgram program;
    program.tensors = {{"x", LoweredKind::kInput, kPage, {}, false}, {"w", LoweredKind::kVariable, kPage, {}, false}};
    program.ops = {{"make", {0}, {1}}};
    program.tensors.push_back({"y", LoweredKind::kResult, kPage, {}, false});
    program.ops.insert(program.ops.begin(), {"read", {0}, {2}});
    program.ops[1].reads = {2};
    std::vector<TensorHome> homes(3);
    homes[1].home = Home::kHost;
    const Schedule schedule = {{0, 1}, {{0, -1, 0, false, false}, {2, 0, 1, false, false}, {1, 1, 2, false, true}}};
    const auto plan = place_schedule(program, schedule, homes, 0, 2 * kPage);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(find_violation(program, *plan), std::nullopt);
    EXPECT_EQ(plan->feed_waits, std::vector<std::int32_t>{2});
}

TEST(PlaceSchedule, OthersMayHaveTheBytesOfAResidentVariableThatIsAway) {
    LoweredProgram program = chain_program();
    program.tensors.push_back({"w", LoweredKind::kVariable, 2 * kPage, {}, false});
    program.ops[0].reads.push_back(5);
    std::vector<TensorHome> homes(6);
    homes[5] = {Home::kResident, kPage};
    // Its programs share four pages of state; only pages 1 and 2 are this variable's.
    const Schedule schedule = {{0, 1, 2, 3},
                               {{0, -1, 0, false, false},
                                {5, -1, 0, false, true},
                                {5, 4, 4, true, false},
                                {1, 0, 3, false, false},
                                {2, 1, 2, false, false},
                                {3, 2, 3, false, false},
                                {4, 3, 4, false, false}}};
    const auto plan = place_schedule(program, schedule, homes, 4 * kPage, kUnlimited);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(find_violation(program, *plan), std::nullopt);
    EXPECT_LE(plan->extent_bytes, 6 * kPage);
    for (const Place& place : plan->places)
        EXPECT_TRUE(place.offset >= 4 * kPage || (place.offset >= kPage && place.offset + place.bytes <= 3 * kPage));
}

TEST(PlaceSchedule, ARecomputationRunsTwice) {
    const LoweredProgram program = chain_program();
    const Schedule schedule = {{0, 1, 2, 0, 3},
                               {{0, -1, 3, false, false},
                                {1, 0, 1, false, false},
                                {1, 3, 4, false, false},
                                {2, 1, 2, false, false},
                                {3, 2, 4, false, false},
                                {4, 4, 5, false, false}}};
    const auto plan = place_schedule(program, schedule, no_homes(program), 0, kUnlimited);
    ASSERT_TRUE(plan.has_value());
    EXPECT_EQ(find_violation(program, *plan), std::nullopt);
    EXPECT_NE(plan->to_string(program).find("3: recompute f -> a at "), std::string::npos);
}

TEST(PlaceSchedule, WhatDoesNotFitHasNoPlan) {
    const LoweredProgram program = chain_program();
    const Schedule schedule = schedule_in_place(program, no_homes(program));
    EXPECT_FALSE(place_schedule(program, schedule, no_homes(program), 0, 3 * kPage - 1).has_value());
    EXPECT_TRUE(place_schedule(program, schedule, no_homes(program), 0, 3 * kPage).has_value());
}

TEST(PlaceSchedule, SchedulesOfOtherProgramsAreDefects) {
    const LoweredProgram program = chain_program();
    Schedule schedule = schedule_in_place(program, no_homes(program));
    Schedule late = schedule;
    late.stays[1].first = 1;
    EXPECT_THROW(place_schedule(program, late, no_homes(program), 0, kUnlimited), InternalError);
    Schedule early = schedule;
    early.stays[1].last = 1;
    EXPECT_THROW(place_schedule(program, early, no_homes(program), 0, kUnlimited), InternalError);
    schedule.stays.push_back({1, 2, 3, false, false});
    EXPECT_THROW(place_schedule(program, schedule, no_homes(program), 0, kUnlimited), InternalError);
}

// Any tensor may leave between any two of its uses.
class RandomSchedule {
  public:
    RandomSchedule(const LoweredProgram& program, std::uint64_t seed)
        : program_(program), seed_(seed), end_(static_cast<std::int32_t>(program.ops.size())) {
        homes_.resize(program.tensors.size());
        for (std::size_t i = 0; i < homes_.size(); ++i) {
            if (program.tensors[i].kind != LoweredKind::kVariable) continue;
            const std::uint32_t choice = below(3);
            if (choice == 0) continue;
            homes_[i].home = choice == 1 ? Home::kHost : Home::kResident;
            if (choice != 2) continue;
            homes_[i].offset = state_bytes_;
            state_bytes_ += aligned_size(program.tensors[i].bytes, kCopyAlignment);
        }
        schedule_.sequence.resize(program.ops.size());
        for (std::int32_t i = 0; i < end_; ++i)
            schedule_.sequence[static_cast<std::size_t>(i)] = i;
        for (std::size_t i = 0; i < homes_.size(); ++i)
            add_stays(i);
    }

    const Schedule& schedule() const { return schedule_; }
    const std::vector<TensorHome>& homes() const { return homes_; }
    std::uint64_t state_bytes() const { return state_bytes_; }

  private:
    std::uint32_t below(std::uint32_t bound) { return random_below(seed_, 7, counter_++, bound); }

    void add_stays(std::size_t index) {
        const auto tensor = static_cast<std::int32_t>(index);
        const LoweredTensor& described = program_.tensors[index];
        const bool resident = homes_[index].home == Home::kResident;
        const bool away = homes_[index].home == Home::kHost;
        if (!is_transient(described.kind) && !resident && !away) return;
        std::vector<std::pair<std::int32_t, bool>> uses;  // position, writes
        if (described.kind == LoweredKind::kInput || resident) uses.emplace_back(-1, true);
        for (std::int32_t op = 0; op < end_; ++op) {
            const LoweredOp& current = program_.ops[static_cast<std::size_t>(op)];
            const bool writes = std::count(current.writes.begin(), current.writes.end(), tensor) > 0;
            if (writes || std::count(current.reads.begin(), current.reads.end(), tensor) > 0)
                uses.emplace_back(op, writes);
        }
        if (uses.empty()) return;
        if (described.is_output || resident) uses.emplace_back(end_, false);
        bool host_is_valid = away;
        const bool written_first = uses[0].second && !away;
        Stay stay{tensor, uses[0].first, uses[0].first, !written_first, false};
        bool dirty = uses[0].second;
        for (std::size_t i = 1; i < uses.size(); ++i) {
            const std::int32_t gap = uses[i].first - uses[i - 1].first;
            if (gap > 1 && described.kind != LoweredKind::kScratch && below(3) == 0) {
                const auto out = static_cast<std::int32_t>(below(static_cast<std::uint32_t>(gap - 1)));
                stay.last = uses[i - 1].first + out;
                stay.copied_out = dirty || !host_is_valid;
                schedule_.stays.push_back(stay);
                host_is_valid = true;
                dirty = false;
                const auto in = static_cast<std::int32_t>(below(static_cast<std::uint32_t>(gap - out)));
                stay = {tensor, uses[i].first - in, uses[i].first, true, false};
                if (stay.first <= schedule_.stays.back().last) stay.first = schedule_.stays.back().last + 1;
            }
            stay.last = uses[i].first;
            dirty = dirty || uses[i].second;
        }
        stay.copied_out = away && dirty;
        if (stay.copied_out) stay.last = std::min(end_, stay.last + static_cast<std::int32_t>(below(3)));
        schedule_.stays.push_back(stay);
    }

    const LoweredProgram& program_;
    std::uint64_t seed_;
    std::uint64_t counter_ = 0;
    std::int32_t end_;
    std::vector<TensorHome> homes_;
    std::uint64_t state_bytes_ = 0;
    Schedule schedule_;
};

TEST(PlaceSchedule, RandomSchedulesAreProved) {
    double total_extent = 0;
    double total_peak = 0;
    std::size_t copies = 0;
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        const LoweredProgram program = random_lowered_program(seed, 1 + static_cast<int>(seed % 120));
        const RandomSchedule random(program, seed);
        const auto plan = place_schedule(program, random.schedule(), random.homes(), random.state_bytes(), kUnlimited);
        ASSERT_TRUE(plan.has_value());
        ASSERT_EQ(find_violation(program, *plan), std::nullopt) << seed << "\n" << plan->to_string(program);
        for (const Action& action : plan->actions) {
            copies += action.kind == ActionKind::kRun ? 0 : 1;
            EXPECT_LE(action.waits.size(), 2U);
        }
        total_extent += static_cast<double>(plan->extent_bytes);
        total_peak += static_cast<double>(std::max(plan->peak_bytes, plan->state_bytes));
    }
    EXPECT_GT(copies, 10000U);
    EXPECT_LE(total_extent, 1.10 * total_peak);
}

// Every wait of a minimal set matters: without any one of them the proof fails.
TEST(PlaceSchedule, NoWaitIsSuperfluous) {
    std::size_t dropped = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const LoweredProgram program = random_lowered_program(seed, 30);
        const RandomSchedule random(program, seed);
        const auto plan = place_schedule(program, random.schedule(), random.homes(), random.state_bytes(), kUnlimited);
        ASSERT_TRUE(plan.has_value());
        for (std::size_t i = 0; i < plan->actions.size(); ++i) {
            const auto expect_needed = [&](auto list) {
                for (std::size_t wait = 0; wait < (plan->actions[i].*list).size(); ++wait) {
                    Plan changed = *plan;
                    auto& waits = changed.actions[i].*list;
                    waits.erase(waits.begin() + static_cast<std::ptrdiff_t>(wait));
                    EXPECT_NE(find_violation(program, changed), std::nullopt)
                        << "action " << i << " of seed " << seed << "\n"
                        << plan->to_string(program);
                    ++dropped;
                }
            };
            expect_needed(&Action::waits);
            expect_needed(&Action::previous_waits);
        }
    }
    EXPECT_GT(dropped, 100U);
}

}  // namespace
}  // namespace tensile
