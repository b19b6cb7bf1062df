// Plans of random programs: as they are made they replay to the right contents under any timing; broken at random, what
// the checker accepts still does.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "planner/baselines/baselines.h"
#include "planner/checker.h"
#include "planner/event_clock.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "unit/planner/random_program.h"
#include "unit/planner/replay.h"

namespace tensile {
namespace {

struct Case {
    LoweredProgram program;
    Plan plan;
};

// Plans that move something, of three methods with different habits.
std::vector<Case> random_cases(int count) {
    std::vector<Case> cases;
    for (std::uint64_t seed = 0; cases.size() < static_cast<std::size_t>(count); ++seed) {
        LoweredProgram program = random_lowered_program(seed, 12 + static_cast<int>(seed % 30));
        const std::vector<double> seconds(program.ops.size(), 1e-3);
        const BaselineRequest request{&program, seconds, {1e9, 1e9, 1.5e9, 1e-6}};
        const auto ample = plan_liveness_only(request, std::uint64_t{1} << 50);
        const std::uint64_t budget = ample->extent_bytes * 3 / 4;
        for (const auto& plan :
             {plan_capuchin(request, budget), plan_tensile_published(request, budget, true), plan_dtr(request, budget)})
            if (plan && !plan->moves_nothing()) cases.push_back({program, *plan});
    }
    return cases;
}

// Executes the plan with times drawn at random; what goes wrong, if anything.
std::optional<std::string> executed(const Case& one, std::uint64_t seed) {
    constexpr int kSteps = 3;
    std::vector<double> seconds(one.program.ops.size());
    for (std::size_t i = 0; i < seconds.size(); ++i)
        seconds[i] = 1e-6 + 1e-3 * random_uniform(seed, 1, i);
    const double in = 1e7 * std::pow(10.0, 4 * random_uniform(seed, 2, 0));
    const double out = 1e7 * std::pow(10.0, 4 * random_uniform(seed, 2, 1));
    try {
        const ClockResult clocked =
            run_clock_alone(one.program, one.plan, seconds, {in, out, in + out, 1e-6}, kSteps, true);
        return find_difference(one.program, one.plan, clocked.timeline, 0, kSteps);
    } catch (const InternalError& error) {
        return error.what();
    }
}

TEST(PlanMutation, PlansReplayToTheRightContents) {
    for (const Case& one : random_cases(150)) {
        ASSERT_EQ(find_violation(one.program, one.plan), std::nullopt);
        for (std::uint64_t seed = 0; seed < 3; ++seed)
            ASSERT_EQ(executed(one, seed), std::nullopt) << one.plan.to_string(one.program);
    }
}

// Applies one random change; whether it found something to change.
bool mutate(Plan& plan, std::uint64_t seed) {
    const auto below = [&](std::uint64_t stream, std::size_t bound) {
        return static_cast<std::size_t>(random_below(seed, stream, 0, static_cast<std::uint32_t>(bound)));
    };
    Action& action = plan.actions[below(1, plan.actions.size())];
    switch (below(0, 6)) {
    case 0:
        if (action.waits.empty()) return false;
        action.waits.erase(action.waits.begin() + static_cast<std::ptrdiff_t>(below(2, action.waits.size())));
        return true;
    case 1:
        if (action.previous_waits.empty()) return false;
        action.previous_waits.pop_back();
        return true;
    case 2: {
        Place& place = plan.places[below(2, plan.places.size())];
        if (plan.extent_bytes == place.bytes) return false;
        place.offset = below(3, (plan.extent_bytes - place.bytes) / kCopyAlignment + 1) * kCopyAlignment;
        return true;
    }
    case 3: {  // two neighbours change places
        const std::size_t first = below(2, plan.actions.size() - 1);
        std::swap(plan.actions[first], plan.actions[first + 1]);
        for (Action& other : plan.actions)
            for (std::vector<std::int32_t>* list : {&other.waits, &other.previous_waits})
                for (std::int32_t& earlier : *list)
                    if (earlier == static_cast<std::int32_t>(first))
                        ++earlier;
                    else if (earlier == static_cast<std::int32_t>(first) + 1)
                        --earlier;
        return true;
    }
    case 4:
        if (plan.feed_waits.empty()) return false;
        plan.feed_waits.pop_back();
        return true;
    default: {  // a copy disappears
        std::vector<std::int32_t> copies;
        for (std::size_t i = 0; i < plan.actions.size(); ++i)
            if (plan.actions[i].kind != ActionKind::kRun) copies.push_back(static_cast<std::int32_t>(i));
        if (copies.empty()) return false;
        const std::int32_t gone = copies[below(2, copies.size())];
        plan.actions.erase(plan.actions.begin() + gone);
        const auto forget = [gone](std::vector<std::int32_t>& list) {
            std::erase(list, gone);
            for (std::int32_t& earlier : list)
                if (earlier > gone) --earlier;
        };
        forget(plan.feed_waits);
        for (Action& other : plan.actions) {
            forget(other.waits);
            forget(other.previous_waits);
        }
        return true;
    }
    }
}

TEST(PlanMutation, WhatTheCheckerAcceptsIsRightUnderAnyTiming) {
    int changed = 0;
    int accepted = 0;
    std::uint64_t seed = 0;
    for (const Case& one : random_cases(150)) {
        for (int i = 0; i < 20; ++i) {
            Case broken = one;
            if (!mutate(broken.plan, ++seed)) continue;
            ++changed;
            if (find_violation(broken.program, broken.plan)) continue;
            ++accepted;
            for (std::uint64_t timing = 0; timing < 4; ++timing)
                ASSERT_EQ(executed(broken, 100 * seed + timing), std::nullopt) << broken.plan.to_string(one.program);
        }
    }
    EXPECT_GT(changed, 1500);
    EXPECT_LT(accepted, changed / 3);
    EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace tensile
