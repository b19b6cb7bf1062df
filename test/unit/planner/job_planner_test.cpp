// Plans of whole jobs: programs that share variables.
#include "planner/job_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "planner/checker.h"
#include "unit/planner/random_program.h"

namespace tensile {
namespace {

const LinkModel kLink = {1e10, 1e10, 2e10, 1e-5};

// A training program, and a prediction program that reads its weights.
class SampleJob {
  public:
    explicit SampleJob(const TrainingShape& shape, double ratio) : training_(deep_training_program(shape)) {
        prediction_.name = "prediction";
        prediction_.tensors.push_back({"row", LoweredKind::kInput, shape.activation_bytes, {}, false});
        tasks_.resize(2);
        for (std::size_t i = 0; i < training_.tensors.size(); ++i) {
            const LoweredTensor& tensor = training_.tensors[i];
            tasks_[0].variables.push_back(-1);
            if (tensor.kind != LoweredKind::kVariable) continue;
            const auto variable = static_cast<std::int32_t>(variable_bytes_.size());
            tasks_[0].variables[i] = variable;
            variable_bytes_.push_back(tensor.bytes);
            if (tensor.name.rfind("weight", 0) == 0) predict_with(variable, shape.activation_bytes);
        }
        prediction_.tensors.back().is_output = true;
        tasks_[0].program = &training_;
        tasks_[1].program = &prediction_;
        tasks_[0].op_seconds = op_seconds_at_ratio(training_, kLink, ratio);
        tasks_[1].op_seconds = op_seconds_at_ratio(prediction_, kLink, ratio);
        tasks_[0].share = 10;
        tasks_[1].variables.resize(prediction_.tensors.size(), -1);
    }

    JobRequest request() const { return {tasks_, variable_bytes_, kLink}; }
    const ProgramTask& task(std::size_t index) const { return tasks_[index]; }

    void expect_valid(const JobPlan& job, std::uint64_t budget) const {
        ASSERT_EQ(job.plans.size(), tasks_.size());
        EXPECT_LE(job.extent_bytes, budget);
        for (std::size_t i = 0; i < tasks_.size(); ++i) {
            const Plan& plan = job.plans[i];
            ASSERT_EQ(find_violation(*tasks_[i].program, plan), std::nullopt);
            EXPECT_EQ(plan.state_bytes, job.state_bytes);
            EXPECT_LE(plan.extent_bytes, job.extent_bytes);
            for (std::size_t tensor = 0; tensor < plan.homes.size(); ++tensor) {
                const std::int32_t variable = tasks_[i].variables[tensor];
                if (variable < 0) continue;
                const TensorHome& home = job.variable_homes[static_cast<std::size_t>(variable)];
                EXPECT_EQ(plan.homes[tensor].home, home.home);
                EXPECT_EQ(plan.homes[tensor].offset, home.offset);
            }
        }
    }

  private:
    void predict_with(std::int32_t variable, std::uint64_t activation_bytes) {
        const auto input = static_cast<std::int32_t>(prediction_.tensors.size()) - 1;
        prediction_.tensors.push_back(
            {"weight", LoweredKind::kVariable, variable_bytes_[static_cast<std::size_t>(variable)], {}, false});
        prediction_.tensors.push_back({"activation", LoweredKind::kResult, activation_bytes, {}, false});
        prediction_.ops.push_back({"layer", {input, input + 1}, {input + 2}, 1e6, 0});
        tasks_[1].variables.resize(prediction_.tensors.size(), -1);
        tasks_[1].variables[static_cast<std::size_t>(input) + 1] = variable;
    }

    LoweredProgram training_;
    LoweredProgram prediction_;
    std::vector<ProgramTask> tasks_;
    std::vector<std::uint64_t> variable_bytes_;
};

TEST(JobPlanner, WithComfortNothingMoves) {
    const SampleJob job({12, 1 << 20, 1 << 18, 3, false, true}, 0.2);
    const std::uint64_t comfortable = comfortable_bytes(job.request());
    const auto plan = plan_job(job.request(), comfortable);
    ASSERT_TRUE(plan.has_value());
    job.expect_valid(*plan, comfortable);
    EXPECT_EQ(plan->host_bytes, 0U);
    for (const Plan& program : plan->plans)
        EXPECT_TRUE(program.moves_nothing());
    for (const TensorHome& home : plan->variable_homes)
        EXPECT_EQ(home.home, Home::kResident);
}

TEST(JobPlanner, AllBudgetsFromTheMinimumHavePlans) {
    for (const std::uint64_t weight_bytes : {std::uint64_t{256}, std::uint64_t{1} << 16, std::uint64_t{1} << 21})
        for (const double ratio : {1.0, 0.2}) {
            const SampleJob job({12, 1 << 20, weight_bytes, 3, false, true}, ratio);
            const std::uint64_t minimum = minimum_bytes(job.request());
            const std::uint64_t comfortable = comfortable_bytes(job.request());
            ASSERT_LT(minimum, comfortable);
            EXPECT_FALSE(plan_job(job.request(), minimum - 1).has_value());
            for (int part = 0; part <= 8; ++part) {
                const std::uint64_t budget = minimum + (comfortable - minimum) / 8 * static_cast<unsigned>(part);
                const auto plan = plan_job(job.request(), budget);
                ASSERT_TRUE(plan.has_value()) << part;
                job.expect_valid(*plan, budget);
            }
        }
}

TEST(JobPlanner, StateLeavesWhereItIsTheProblem) {
    // Weights and optimizer state are most of the need.
    const SampleJob job({12, 1 << 18, 1 << 21, 0, false, true}, 5);
    const std::uint64_t budget = comfortable_bytes(job.request()) / 3;
    const auto plan = plan_job(job.request(), budget);
    ASSERT_TRUE(plan.has_value());
    job.expect_valid(*plan, budget);
    EXPECT_GT(std::count_if(plan->variable_homes.begin(), plan->variable_homes.end(),
                            [](const TensorHome& home) { return home.home == Home::kHost; }),
              12);
    EXPECT_GT(plan->host_bytes, std::uint64_t{12} << 21);
    const auto again = plan_job(job.request(), budget);
    for (std::size_t i = 0; i < plan->plans.size(); ++i)
        EXPECT_EQ(plan->plans[i].to_string(*job.task(i).program), again->plans[i].to_string(*job.task(i).program));
}

TEST(JobPlanner, AnEmptyJobNeedsNothing) {
    const JobRequest request = {{}, {}, kLink};
    EXPECT_EQ(comfortable_bytes(request), 0U);
    EXPECT_EQ(minimum_bytes(request), 0U);
    EXPECT_TRUE(plan_job(request, 0).has_value());
}

// Tensors far below the alignment of copies: nothing is gained by moving them.
TEST(JobPlanner, NeverNeedsMoreThanIsComfortable) {
    const SampleJob job({4, 128, 64, 1, true, true}, 0.5);
    const std::uint64_t comfortable = comfortable_bytes(job.request());
    const std::uint64_t minimum = minimum_bytes(job.request());
    EXPECT_LE(minimum, comfortable);
    const auto planned = plan_job(job.request(), minimum);
    ASSERT_TRUE(planned.has_value());
    job.expect_valid(*planned, minimum);
    EXPECT_FALSE(plan_job(job.request(), minimum - 1).has_value());
}

}  // namespace
}  // namespace tensile
