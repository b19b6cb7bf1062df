// The baselines make right plans within their budgets, and do what their papers say.
#include "planner/baselines/baselines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "planner/checker.h"
#include "planner/event_clock.h"
#include "unit/planner/random_program.h"

namespace tensile {
namespace {

constexpr std::uint64_t kAmple = std::uint64_t{1} << 50;

struct Method {
    const char* name;
    std::function<std::optional<Plan>(const BaselineRequest&, std::uint64_t)> plan;
};

std::vector<Method> methods() {
    return {{"liveness only", plan_liveness_only},
            {"vDNN, convolutions",
             [](const auto& request, std::uint64_t budget) {
                 return plan_vdnn(request, budget, VdnnVariant::kConvolutions);
             }},
            {"vDNN, all",
             [](const auto& request, std::uint64_t budget) { return plan_vdnn(request, budget, VdnnVariant::kAll); }},
            {"vDNN, dynamic", [](const auto& request,
                                 std::uint64_t budget) { return plan_vdnn(request, budget, VdnnVariant::kDynamic); }},
            {"Capuchin", plan_capuchin},
            {"TENSILE",
             [](const auto& request, std::uint64_t budget) { return plan_tensile_published(request, budget, false); }},
            {"TENSILE to the budget",
             [](const auto& request, std::uint64_t budget) { return plan_tensile_published(request, budget, true); }},
            {"DTR", plan_dtr}};
}

// A program with op times and a link for which step compute time / (bytes of non-state tensors / bandwidth) = ratio.
struct Workload {
    LoweredProgram program;
    std::vector<double> op_seconds;
    LinkModel link;

    BaselineRequest request() const { return {&program, op_seconds, link}; }
    double seconds(const Plan& plan) const {
        return run_clock_alone(program, plan, op_seconds, link).jobs[0].cycle_seconds();
    }
    double compute() const {
        double sum = 0;
        for (const double seconds : op_seconds)
            sum += seconds;
        return sum;
    }
};

Workload workload(LoweredProgram program, double ratio) {
    Workload made{std::move(program), {}, {}};
    double bytes = 0;
    for (const LoweredTensor& tensor : made.program.tensors)
        if (tensor.kind == LoweredKind::kInput || tensor.kind == LoweredKind::kResult)
            bytes += static_cast<double>(tensor.bytes);
    made.op_seconds.assign(made.program.ops.size(), 0.001);
    for (LoweredOp& op : made.program.ops)
        op.flops = 1e6;
    const double bandwidth = ratio * bytes / made.compute();
    made.link = {bandwidth, bandwidth, 2 * bandwidth, 1e-6};
    return made;
}

Workload chain(int layers, double ratio) {
    return workload(layered_training_program(layers, 1 << 20, 1 << 16), ratio);
}

TEST(Baselines, PlansAreProvedAndWithinBudget) {
    int made = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const Workload work = workload(random_lowered_program(seed, 10 + static_cast<int>(seed)), 1.0);
        const auto ample = plan_liveness_only(work.request(), kAmple);
        ASSERT_TRUE(ample);
        for (const double share : {1.0, 0.9, 0.75, 0.6}) {
            const auto budget = static_cast<std::uint64_t>(share * static_cast<double>(ample->extent_bytes));
            for (const Method& method : methods()) {
                const auto plan = method.plan(work.request(), budget);
                if (!plan) continue;
                ++made;
                ASSERT_EQ(find_violation(work.program, *plan), std::nullopt)
                    << method.name << ", seed " << seed << ", share " << share << "\n"
                    << plan->to_string(work.program);
                EXPECT_LE(plan->extent_bytes, budget) << method.name;
                EXPECT_GE(work.seconds(*plan), work.compute() * 0.999999);
            }
        }
    }
    EXPECT_GT(made, 400);
}

TEST(Baselines, NothingMovesWhereEverythingFits) {
    const Workload work = chain(12, 1.0);
    const auto ample = plan_liveness_only(work.request(), kAmple);
    ASSERT_TRUE(ample);
    for (const Method& method : methods()) {
        const std::string name = method.name;
        // Neither the static variants of vDNN nor TENSILE as published know a budget.
        if (name == "vDNN, convolutions" || name == "vDNN, all" || name == "TENSILE") continue;
        const auto plan = method.plan(work.request(), ample->extent_bytes);
        ASSERT_TRUE(plan) << name;
        EXPECT_TRUE(plan->moves_nothing()) << name;
    }
    EXPECT_FALSE(plan_tensile_published(work.request(), kAmple, false)->moves_nothing());
}

// Capuchin hides most of its swaps where compute and transfer take as long as each other.
TEST(Baselines, CapuchinHidesSwapsAtRatioOne) {
    const Workload work = chain(24, 1.0);
    const auto ample = plan_liveness_only(work.request(), kAmple);
    const auto plan = plan_capuchin(work.request(), ample->extent_bytes * 6 / 10);
    ASSERT_TRUE(plan);
    EXPECT_FALSE(plan->moves_nothing());
    EXPECT_LT(work.seconds(*plan), 1.05 * work.compute());
    // Slow links make it compute again instead.
    const Workload slow = chain(24, 0.02);
    const auto repeated = plan_capuchin(slow.request(), ample->extent_bytes * 6 / 10);
    ASSERT_TRUE(repeated);
    EXPECT_GT(run_clock_alone(slow.program, *repeated, slow.op_seconds, slow.link).jobs[0].recompute_seconds, 0);
}

// Chains of n layers in O(sqrt n) memory with O(n) ops.
TEST(Baselines, DtrNeedsTheRootOfAChain) {
    for (const int layers : {16, 64, 144}) {
        const Workload work = workload(layered_training_program(layers, 1 << 20, 1 << 10), 1.0);
        const auto root = static_cast<std::uint64_t>(std::sqrt(layers));
        const auto plan = plan_dtr(work.request(), (3 * root + 8) << 20);
        ASSERT_TRUE(plan) << layers;
        EXPECT_LT(work.seconds(*plan), 2 * work.compute()) << layers;
        EXPECT_EQ(run_clock_alone(work.program, *plan, work.op_seconds, work.link).jobs[0].in_bytes, 0U);
    }
}

// The published algorithm uses free time of the link only: what it saves over liveness vanishes as compute gets faster.
TEST(Baselines, PublishedTensileSavesNothingOnFastCompute) {
    const auto saved = [](double ratio) {
        const Workload work = chain(20, ratio);
        const auto ample = plan_liveness_only(work.request(), kAmple);
        const auto plan = plan_tensile_published(work.request(), kAmple, false);
        return 1 - static_cast<double>(plan->peak_bytes) / static_cast<double>(ample->peak_bytes);
    };
    EXPECT_GT(saved(2.0), 0.4);
    EXPECT_LT(saved(0.1), 0.1);
    EXPECT_LT(saved(0.5), saved(2.0));
}

TEST(Baselines, VdnnMovesActivationsOnly) {
    const Workload work = chain(20, 2.0);
    const auto plan = plan_vdnn(work.request(), kAmple, VdnnVariant::kAll);
    ASSERT_TRUE(plan);
    int moved = 0;
    for (const Action& action : plan->actions) {
        if (action.kind == ActionKind::kRun) continue;
        ++moved;
        const std::int32_t tensor = plan->places[static_cast<std::size_t>(action.subject)].tensor;
        EXPECT_NE(work.program.tensors[static_cast<std::size_t>(tensor)].kind, LoweredKind::kVariable);
    }
    EXPECT_GT(moved, 20);
    const auto ample = plan_liveness_only(work.request(), kAmple);
    EXPECT_LT(plan->peak_bytes, ample->peak_bytes / 2);
}

TEST(Baselines, NothingBeatsTheOptimumOfSmallPrograms) {
    for (const double ratio : {2.0, 0.5, 0.1}) {
        const Workload work = chain(4, ratio);
        const auto ample = plan_liveness_only(work.request(), kAmple);
        const std::uint64_t budget = ample->extent_bytes * 7 / 10;
        const auto optimum = plan_optimum(work.request(), budget);
        ASSERT_TRUE(optimum);
        EXPECT_EQ(find_violation(work.program, *optimum), std::nullopt);
        for (const Method& method : methods()) {
            const auto plan = method.plan(work.request(), budget);
            if (!plan) continue;
            EXPECT_GE(work.seconds(*plan), 0.9999 * work.seconds(*optimum)) << method.name << " at " << ratio;
        }
    }
}

}  // namespace
}  // namespace tensile
