// Certificates, the admission test, and forecasts against the event clock.
#include "planner/admission.h"

#include <gtest/gtest.h>

#include "tensor/error.h"
#include "unit/planner/sample_plans.h"

namespace tensile {
namespace {

constexpr std::uint64_t kP = kSampleBytes;
const LinkModel kDuplex = {4096, 4096, 8192, 0};

ClockJob job_of(const SamplePlan& sample, int steps = 2) {
    return {{{&sample.program, &sample.plan, std::vector<double>(sample.program.ops.size(), 1.0)}}, steps, 0};
}

TEST(Admission, CertificatesStateWhatAStepTakes) {
    const SamplePlan sample = step_sample();
    const Certificate certificate = certify(job_of(sample), kDuplex);
    EXPECT_EQ(certificate.state_bytes, kP);
    EXPECT_EQ(certificate.step_bytes, 4 * kP);
    EXPECT_EQ(certificate.minimum_bytes, 5 * kP);
    EXPECT_DOUBLE_EQ(certificate.compute_seconds, 7);
    EXPECT_DOUBLE_EQ(certificate.turn_seconds, 7);
    EXPECT_DOUBLE_EQ(certificate.region_seconds, 8);
    EXPECT_DOUBLE_EQ(certificate.step_seconds, 7);
    EXPECT_DOUBLE_EQ(certificate.in_bytes, 2.0 * kP);
    EXPECT_DOUBLE_EQ(certificate.out_bytes, 2.0 * kP);
    EXPECT_DOUBLE_EQ(certificate.in_copies, 2);
    EXPECT_DOUBLE_EQ(certificate.out_copies, 2);
}

TEST(Admission, AdmitsWhileStatesFitBesideTheGreatestStep) {
    const Certificate certificate = certify(job_of(step_sample()), kDuplex);
    Admission admission(kDuplex, 6 * kP);
    const auto first = admission.add(certificate);
    ASSERT_TRUE(first);
    ASSERT_TRUE(admission.add(certificate));
    EXPECT_FALSE(admission.add(certificate));
    Certificate small = certificate;
    small.state_bytes = 0;
    EXPECT_TRUE(admission.fits(small));
    small.step_bytes = 4 * kP + 1;
    EXPECT_FALSE(admission.fits(small));
    admission.remove(*first);
    EXPECT_TRUE(admission.fits(certificate));
    EXPECT_THROW(admission.remove(*first), InternalError);
}

TEST(Admission, ForecastsTheLongestRound) {
    Certificate one;
    one.step_bytes = 100;
    one.turn_seconds = 2;
    one.region_seconds = 4;
    one.step_seconds = 3;
    one.in_bytes = 4096;
    one.out_bytes = 4096;
    Admission ample({4096, 4096, 8192, 0}, 1000);
    EXPECT_DOUBLE_EQ(ample.forecast().round_seconds, 0);
    EXPECT_DOUBLE_EQ(ample.forecast(&one).round_seconds, 3);  // the step alone
    ample.add(one);
    ample.add(one);
    EXPECT_DOUBLE_EQ(ample.forecast().round_seconds, 4);  // turns
    EXPECT_DOUBLE_EQ(ample.forecast().link_share, 0.5);
    EXPECT_DOUBLE_EQ(ample.forecast(&one).slowdown(one), 2);
    Admission slow({2048, 1024, 3072, 0}, 1000);
    slow.add(one);
    EXPECT_DOUBLE_EQ(slow.forecast(&one).round_seconds, 8);  // two copies out
    Admission half({4096, 4096, 4096, 0.5}, 1000);
    one.in_copies = one.out_copies = 1;
    half.add(one);
    EXPECT_DOUBLE_EQ(half.forecast(&one).round_seconds, 6);  // both directions share; 1.5 s each alone
    Admission tight({4096, 4096, 8192, 0}, 150);
    tight.add(one);
    EXPECT_DOUBLE_EQ(tight.forecast(&one).round_seconds, 8);  // one region after the other
}

TEST(Admission, ForecastsAgreeWithTheClock) {
    const SamplePlan sample = step_sample();
    for (const std::uint64_t budget : {6 * kP, 10 * kP, 30 * kP}) {
        for (const int count : {2, 3, 5}) {
            const ClockJob job = job_of(sample, 6);
            const Certificate certificate = certify(job, kDuplex);
            Admission admission(kDuplex, budget + static_cast<std::uint64_t>(count - 2) * kP);
            for (int i = 0; i < count; ++i)
                ASSERT_TRUE(admission.add(certificate));
            const std::vector<ClockJob> jobs(static_cast<std::size_t>(count), job);
            const ClockResult clocked =
                run_clock({jobs, kDuplex, budget + static_cast<std::uint64_t>(count - 2) * kP, false});
            const double predicted = admission.forecast().round_seconds;
            EXPECT_NEAR(clocked.jobs[0].cycle_seconds(), predicted, 0.1 * predicted) << budget << " " << count;
        }
    }
}

}  // namespace
}  // namespace tensile
