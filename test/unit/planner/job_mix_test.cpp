// Random mixes of jobs, planned by the job planner and executed together on the event clock with times that are wrong
// by up to a half: no plan without proof, no byte beyond the pool, nobody blocked. TENSILE_JOB_MIXES sets how many
// mixes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "planner/checker.h"
#include "planner/event_clock.h"
#include "planner/job_planner.h"
#include "tensor/random.h"
#include "unit/planner/random_program.h"

namespace tensile {
namespace {

class Mix {
  public:
    explicit Mix(std::uint64_t seed) : seed_(seed) {
        // Most mixes are small, some have 64 jobs.
        const std::uint32_t count = 1 + below(1U << below(7));
        link_.in_bytes_per_second = 1e7 * std::pow(10.0, 3 * uniform());
        link_.out_bytes_per_second = link_.in_bytes_per_second * (0.5 + uniform());
        link_.total_bytes_per_second =
            link_.in_bytes_per_second + link_.out_bytes_per_second * (below(2) == 0 ? 1.0 : 0.2);
        link_.latency_seconds = 1e-5 * uniform();
        for (std::uint32_t i = 0; i < count; ++i)
            add_job();
    }

    void run() {
        ASSERT_FALSE(jobs_.empty());
        std::uint64_t greatest = 0;
        std::uint64_t total = 0;
        for (const auto& planned : planned_) {
            greatest = std::max(greatest, planned->extent_bytes);
            total += planned->extent_bytes;
        }
        // Between room for one at a time and room for all.
        const std::uint64_t budget =
            greatest + static_cast<std::uint64_t>(static_cast<double>(total - greatest) * uniform());
        const ClockResult clocked = run_clock({jobs_, link_, budget, false});
        EXPECT_LE(clocked.reserved_peak_bytes, budget);
        for (std::size_t i = 0; i < jobs_.size(); ++i) {
            EXPECT_EQ(clocked.jobs[i].step_ends.size(), static_cast<std::size_t>(jobs_[i].steps));
            EXPECT_LE(clocked.jobs[i].live_peak_bytes, planned_[i]->extent_bytes);
        }
    }

  private:
    std::uint32_t below(std::uint32_t bound) { return random_below(seed_, 77, counter_++, bound); }
    double uniform() { return random_uniform(seed_, 78, counter_++); }

    void add_job() {
        programs_.push_back(std::make_unique<LoweredProgram>(
            below(3) == 0
                ? layered_training_program(1 + static_cast<int>(below(12)), 1 + below(1 << 18), 1 + below(1 << 16))
                : random_lowered_program(seed_ * 64 + programs_.size(), 3 + static_cast<int>(below(40)))));
        const LoweredProgram& program = *programs_.back();
        ProgramTask task;
        task.program = &program;
        std::vector<std::uint64_t> variable_bytes;
        for (const LoweredTensor& tensor : program.tensors) {
            const bool is_variable = tensor.kind == LoweredKind::kVariable;
            task.variables.push_back(is_variable ? static_cast<std::int32_t>(variable_bytes.size()) : -1);
            if (is_variable) variable_bytes.push_back(tensor.bytes);
        }
        for (std::size_t op = 0; op < program.ops.size(); ++op)
            task.op_seconds.push_back(1e-6 + 1e-3 * uniform());
        const JobRequest request{{&task, 1}, variable_bytes, link_};
        const std::uint64_t least = minimum_bytes(request);
        const std::uint64_t most = std::max(least, comfortable_bytes(request));
        const auto budget = least + static_cast<std::uint64_t>(static_cast<double>(most - least) * uniform());
        auto planned = plan_job(request, budget);
        ASSERT_TRUE(planned) << "no plan at " << budget << ", minimum " << least << ": " << program.name;
        ASSERT_EQ(planned->plans.size(), 1U);
        ASSERT_EQ(find_violation(program, planned->plans[0]), std::nullopt) << planned->plans[0].to_string(program);
        ASSERT_LE(planned->extent_bytes, budget);
        ASSERT_LE(planned->plans[0].extent_bytes, planned->extent_bytes);
        planned_.push_back(std::make_unique<JobPlan>(std::move(*planned)));
        std::vector<double> true_seconds = task.op_seconds;
        for (double& seconds : true_seconds)
            seconds *= 0.5 + uniform();
        jobs_.push_back(
            {{{&program, &planned_.back()->plans[0], true_seconds}}, 1 + static_cast<int>(below(4)), 0.05 * uniform()});
    }

    std::uint64_t seed_;
    std::uint64_t counter_ = 0;
    LinkModel link_;
    std::vector<std::unique_ptr<LoweredProgram>> programs_;
    std::vector<std::unique_ptr<JobPlan>> planned_;
    std::vector<ClockJob> jobs_;
};

TEST(JobMix, NoPlanIsUnprovedAndNoJobIsBlocked) {
    const char* const wanted = std::getenv("TENSILE_JOB_MIXES");
    const std::uint64_t count = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1000;
    for (std::uint64_t seed = 0; seed < count; ++seed) {
        Mix(seed).run();
        ASSERT_FALSE(::testing::Test::HasFailure()) << "mix " << seed;
    }
}

}  // namespace
}  // namespace tensile
