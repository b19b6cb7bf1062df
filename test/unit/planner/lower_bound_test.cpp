// No plan is faster than the bound, and the bound says something.
#include "planner/lower_bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "planner/baselines/baselines.h"
#include "planner/event_clock.h"
#include "planner/planner.h"
#include "unit/planner/random_program.h"

namespace tensile {
namespace {

struct Workload {
    LoweredProgram program;
    std::vector<double> op_seconds;
    LinkModel link;

    double compute() const { return std::accumulate(op_seconds.begin(), op_seconds.end(), 0.0); }
    double bound(std::uint64_t budget) const { return least_seconds(program, op_seconds, link, budget); }
    double seconds(const Plan& plan) const {
        return run_clock_alone(program, plan, op_seconds, link, 4).jobs[0].cycle_seconds();
    }
};

// A chain of `layers` results of 1 MiB, used again in the opposite order. The link moves one result in the time of
// `ops_per_copy` ops.
Workload chain(int layers, double ops_per_copy) {
    Workload work;
    work.program = layered_training_program(layers, 1 << 20, 1 << 10);
    work.op_seconds.assign(work.program.ops.size(), 1.0);
    const double rate = (1 << 20) / ops_per_copy;
    work.link = {rate, rate, 2 * rate, 0};
    return work;
}

std::uint64_t liveness_bytes(const Workload& work) {
    return plan_liveness_only({&work.program, work.op_seconds, work.link}, std::uint64_t{1} << 50)->extent_bytes;
}

TEST(LowerBound, IsTheComputeTimeWhereEverythingFits) {
    const Workload work = chain(12, 4);
    EXPECT_DOUBLE_EQ(work.bound(liveness_bytes(work)), work.compute());
}

TEST(LowerBound, IsInfiniteWhereOneOpDoesNotFit) {
    const Workload work = chain(6, 1);
    EXPECT_TRUE(std::isinf(work.bound(1 << 20)));
}

TEST(LowerBound, GrowsAsTheBudgetShrinksAndTheLinkSlowsDown) {
    double before = 0;
    for (const double share : {0.9, 0.7, 0.5, 0.3}) {
        const Workload work = chain(24, 6);
        const double bound = work.bound(static_cast<std::uint64_t>(share * static_cast<double>(liveness_bytes(work))));
        EXPECT_GE(bound, before) << share;
        before = bound;
    }
    EXPECT_GT(before, 1.1 * chain(24, 6).compute());
    const auto third = [](double ops_per_copy) {
        const Workload work = chain(24, ops_per_copy);
        return work.bound(liveness_bytes(work) / 3);
    };
    EXPECT_LT(third(0.1), third(6));
    // Computing again does not depend on the link.
    EXPECT_LE(third(1e6), 2 * chain(24, 1).compute());
}

TEST(LowerBound, IsBelowTheOptimumOfSmallPrograms) {
    for (const double ops_per_copy : {0.5, 2.0, 10.0}) {
        const Workload work = chain(4, ops_per_copy);
        const std::uint64_t budget = liveness_bytes(work) * 7 / 10;
        const auto optimum = plan_optimum({&work.program, work.op_seconds, work.link}, budget);
        ASSERT_TRUE(optimum);
        EXPECT_LE(work.bound(budget), work.seconds(*optimum) * (1 + 1e-9)) << ops_per_copy;
    }
}

TEST(LowerBound, IsBelowEveryPlanOfRandomPrograms) {
    int compared = 0;
    for (unsigned seed = 0; seed < 60; ++seed) {
        Workload work;
        work.program = random_lowered_program(seed, 24);
        for (std::size_t i = 0; i < work.program.ops.size(); ++i)
            work.op_seconds.push_back(1e-3 * static_cast<double>(1 + (i * 7 + seed) % 5));
        const double rate = 1e6 * static_cast<double>(1 + seed % 9);
        work.link = {rate, rate, (seed % 2 == 0 ? 1 : 2) * rate, 0};
        std::vector<TensorHome> homes(work.program.tensors.size());
        std::uint64_t state_bytes = 0;
        for (std::size_t i = 0; i < homes.size(); ++i) {
            if (work.program.tensors[i].kind != LoweredKind::kVariable) continue;
            if (seed % 3 == 0) {
                homes[i] = {Home::kHost, kNoOffset};
                continue;
            }
            homes[i] = {Home::kResident, state_bytes};
            state_bytes += aligned_size(work.program.tensors[i].bytes);
        }
        const PlanTask task{&work.program, work.op_seconds, homes, state_bytes, work.link};
        const std::uint64_t least = least_bytes(task);
        for (const double factor : {1.0, 1.3, 2.0}) {
            const auto budget = static_cast<std::uint64_t>(factor * static_cast<double>(least));
            const auto planned = plan_within(task, budget);
            ASSERT_TRUE(planned) << seed;
            EXPECT_LE(work.bound(budget), work.seconds(planned->plan) * (1 + 1e-9)) << seed << " at " << factor;
            ++compared;
        }
    }
    EXPECT_EQ(compared, 180);
}

}  // namespace
}  // namespace tensile
