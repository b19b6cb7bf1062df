// The event clock against timelines that were computed by hand.
#include "planner/event_clock.h"

#include <gtest/gtest.h>

#include "planner/checker.h"
#include "tensor/error.h"
#include "unit/planner/sample_plans.h"

namespace tensile {
namespace {

constexpr std::uint64_t kP = kSampleBytes;

// A copy of a tensor takes a second.
LinkModel duplex_link() {
    return {4096, 4096, 8192, 0};
}

LinkModel shared_link() {
    return {4096, 4096, 4096, 0};
}

std::vector<double> seconds_of(const SamplePlan& sample) {
    return std::vector<double>(sample.program.ops.size(), 1.0);
}

struct Interval {
    int step;
    int action;
    double begin;
    double end;
};

void expect_timeline(const ClockResult& result, std::int32_t job, const std::vector<Interval>& expected) {
    std::size_t found = 0;
    for (const Interval& interval : expected)
        for (const TimelineEntry& entry : result.timeline) {
            if (entry.job != job || entry.step != interval.step || entry.action != interval.action) continue;
            ++found;
            EXPECT_DOUBLE_EQ(entry.begin, interval.begin) << "step " << interval.step << " action " << interval.action;
            EXPECT_DOUBLE_EQ(entry.end, interval.end) << "step " << interval.step << " action " << interval.action;
        }
    EXPECT_EQ(found, expected.size());
}

double stall(const JobTimes& job, StallCause cause) {
    return job.stall_seconds[static_cast<std::size_t>(cause)];
}

TEST(EventClock, OverlapsCopiesWithOpsAndSteps) {
    const SamplePlan sample = step_sample();
    const ClockResult result = run_clock_alone(sample.program, sample.plan, seconds_of(sample), duplex_link(), 2, true);
    expect_timeline(result, 0,
                    {{0, 0, 0, 1},   {0, 1, 0, 1},   {0, 2, 1, 2},   {0, 3, 1, 2},   {0, 4, 2, 3},  {0, 5, 2, 3},
                     {0, 6, 3, 4},   {0, 7, 4, 5},   {0, 8, 5, 6},   {0, 9, 6, 7},   {0, 10, 7, 8}, {1, 0, 7, 8},
                     {1, 1, 8, 9},   {1, 2, 8, 9},   {1, 3, 8, 9},   {1, 4, 9, 10},  {1, 5, 9, 10}, {1, 6, 10, 11},
                     {1, 7, 11, 12}, {1, 8, 12, 13}, {1, 9, 13, 14}, {1, 10, 14, 15}});
    EXPECT_EQ(result.timeline.size(), 22U);
    const JobTimes& job = result.jobs[0];
    EXPECT_DOUBLE_EQ(result.makespan_seconds, 15);
    EXPECT_DOUBLE_EQ(job.cycle_seconds(), 7);
    EXPECT_DOUBLE_EQ(job.compute_seconds, 14);
    EXPECT_DOUBLE_EQ(job.recompute_seconds, 2);
    EXPECT_DOUBLE_EQ(job.busy_seconds[queue_of(ActionKind::kRun)], 14);
    EXPECT_DOUBLE_EQ(job.busy_seconds[queue_of(ActionKind::kCopyIn)], 4);
    EXPECT_DOUBLE_EQ(job.busy_seconds[queue_of(ActionKind::kCopyOut)], 4);
    EXPECT_EQ(job.in_bytes, 4 * kP);
    EXPECT_EQ(job.out_bytes, 4 * kP);
    for (const double seconds : job.stall_seconds)
        EXPECT_DOUBLE_EQ(seconds, 0);
    EXPECT_EQ(result.reserved_peak_bytes, 5 * kP);
    // x, w, v, a and the scratch.
    EXPECT_EQ(job.live_peak_bytes, 5 * kP);
    EXPECT_EQ(result.memory.front().bytes, 5 * kP);
    EXPECT_EQ(result.memory.back().bytes, 0U);
}

TEST(EventClock, DirectionsShareTheLink) {
    const SamplePlan sample = step_sample();
    const ClockResult result = run_clock_alone(sample.program, sample.plan, seconds_of(sample), shared_link(), 2, true);
    expect_timeline(result, 0,
                    {{0, 9, 6, 7},
                     {0, 10, 7, 8},
                     {1, 0, 7, 8},
                     {1, 1, 8, 10},
                     {1, 2, 8, 10},
                     {1, 3, 8, 9},
                     {1, 4, 10, 11},
                     {1, 5, 10, 11},
                     {1, 6, 11, 12},
                     {1, 7, 12, 13},
                     {1, 9, 14, 15},
                     {1, 10, 15, 16}});
    EXPECT_DOUBLE_EQ(result.jobs[0].cycle_seconds(), 8);
    EXPECT_DOUBLE_EQ(stall(result.jobs[0], StallCause::kCopyOut), 1);
    EXPECT_DOUBLE_EQ(stall(result.jobs[0], StallCause::kCopyIn), 0);
}

TEST(EventClock, EachCopyHasItsLatency) {
    const SamplePlan sample = step_sample();
    const ClockResult result =
        run_clock_alone(sample.program, sample.plan, seconds_of(sample), {4096, 4096, 8192, 0.5}, 2, true);
    expect_timeline(result, 0,
                    {{0, 1, 0, 1.5},
                     {0, 2, 1, 2.5},
                     {0, 4, 2.5, 3.5},
                     {0, 5, 2.5, 4},
                     {0, 9, 6.5, 7.5},
                     {0, 10, 7.5, 9},
                     {1, 1, 9, 10.5},
                     {1, 2, 9, 10.5},
                     {1, 3, 8.5, 9.5},
                     {1, 4, 10.5, 11.5},
                     {1, 5, 10.5, 12},
                     {1, 6, 11.5, 12.5},
                     {1, 7, 12.5, 13.5},
                     {1, 9, 14.5, 15.5}});
    EXPECT_DOUBLE_EQ(stall(result.jobs[0], StallCause::kCopyOut), 1.5);
}

TEST(EventClock, TheNextBatchWaitsForItsBytes) {
    SamplePlan sample = step_sample();
    sample.plan.places[0].offset = 4 * kP;
    sample.plan.actions[1].waits = {0};
    sample.plan.actions[1].previous_waits.clear();
    sample.plan.feed_waits = {10};
    ASSERT_EQ(find_violation(sample.program, sample.plan), std::nullopt);
    const ClockResult result = run_clock_alone(sample.program, sample.plan, seconds_of(sample), duplex_link(), 2, true);
    // The copy out of the first step ends at 8.
    expect_timeline(result, 0, {{0, 1, 1, 2}, {0, 10, 7, 8}, {1, 0, 8, 9}, {1, 1, 9, 10}, {1, 9, 14, 15}});
    EXPECT_DOUBLE_EQ(stall(result.jobs[0], StallCause::kCopyOut), 1);
}

TEST(EventClock, ResidentVariablesMayLeaveAndComeBack) {
    const SamplePlan sample = away_sample();
    const ClockResult result = run_clock_alone(sample.program, sample.plan, seconds_of(sample), duplex_link(), 3, true);
    // Ops at 0-1, 1-2, 2-3; the copy in at 3-4; the update at 4-5.
    expect_timeline(result, 0, {{0, 1, 0, 1}, {0, 2, 1, 2}, {0, 4, 3, 4}, {0, 5, 4, 5}, {2, 5, 14, 15}});
    EXPECT_DOUBLE_EQ(stall(result.jobs[0], StallCause::kCopyIn), 3);
}

TEST(EventClock, JobsTakeTurnsAndShareTheLanes) {
    const SamplePlan sample = step_sample();
    const ClockProgram program{&sample.program, &sample.plan, seconds_of(sample)};
    const std::vector<ClockJob> jobs(2, ClockJob{{program}, 2, 0});
    const ClockResult result = run_clock({jobs, duplex_link(), 10 * kP, true});
    // Both copies in of the first step share the lane: two seconds. The first job computes 0-7 and 14-21.
    expect_timeline(
        result, 0,
        {{0, 1, 0, 2}, {0, 5, 2, 3}, {0, 9, 6, 7}, {0, 10, 7, 8}, {1, 1, 8, 9}, {1, 0, 14, 15}, {1, 9, 20, 21}});
    expect_timeline(result, 1, {{0, 1, 0, 2}, {0, 0, 7, 8}, {0, 9, 13, 14}, {1, 0, 21, 22}, {1, 9, 27, 28}});
    EXPECT_DOUBLE_EQ(stall(result.jobs[0], StallCause::kTurn), 7);
    EXPECT_DOUBLE_EQ(stall(result.jobs[1], StallCause::kTurn), 14);
    EXPECT_DOUBLE_EQ(result.busy_seconds[queue_of(ActionKind::kRun)], 28);
    EXPECT_EQ(result.reserved_peak_bytes, 10 * kP);
}

TEST(EventClock, StepRegionsAreTakenWholeAndInTurn) {
    const SamplePlan sample = step_sample();
    const ClockProgram program{&sample.program, &sample.plan, seconds_of(sample)};
    const std::vector<ClockJob> jobs(2, ClockJob{{program}, 2, 0});
    const ClockResult result = run_clock({jobs, duplex_link(), 6 * kP, true});
    expect_timeline(result, 0, {{0, 9, 6, 7}, {0, 10, 7, 8}, {1, 0, 16, 17}, {1, 9, 22, 23}, {1, 10, 23, 24}});
    expect_timeline(result, 1, {{0, 0, 8, 9}, {0, 1, 8, 9}, {0, 10, 15, 16}, {1, 0, 24, 25}, {1, 10, 31, 32}});
    EXPECT_DOUBLE_EQ(result.makespan_seconds, 32);
    EXPECT_EQ(result.reserved_peak_bytes, 6 * kP);
    EXPECT_DOUBLE_EQ(stall(result.jobs[1], StallCause::kPool), 16);
    EXPECT_DOUBLE_EQ(stall(result.jobs[1], StallCause::kCopyOut), 1);
}

TEST(EventClock, JobsWaitForAdmissionInOrder) {
    const SamplePlan sample = step_sample();
    const ClockProgram program{&sample.program, &sample.plan, seconds_of(sample)};
    std::vector<ClockJob> jobs(3, ClockJob{{program}, 1, 0});
    jobs[1].arrival_seconds = 2;
    jobs[2].arrival_seconds = 0.5;
    // Room for one at a time.
    const ClockResult result = run_clock({jobs, duplex_link(), 5 * kP, false});
    EXPECT_DOUBLE_EQ(result.jobs[0].end_seconds, 8);
    EXPECT_DOUBLE_EQ(result.jobs[2].end_seconds, 16);
    EXPECT_DOUBLE_EQ(result.jobs[1].end_seconds, 24);
    EXPECT_TRUE(result.timeline.empty());
    EXPECT_THROW(run_clock({jobs, duplex_link(), 5 * kP - 1, false}), Error);
}

TEST(EventClock, ProgramsOfOneJobFollowEachOther) {
    const SamplePlan first = step_sample();
    const SamplePlan second = away_sample();
    const ClockJob job{
        {{&first.program, &first.plan, seconds_of(first)}, {&second.program, &second.plan, seconds_of(second)}}, 4, 0};
    const ClockResult result = run_clock({{&job, 1}, duplex_link(), 5 * kP, true});
    // The second program's region is another one: it begins after the first one's last copy, at 8.
    expect_timeline(result, 0, {{0, 10, 7, 8}, {1, 0, 8, 9}, {1, 5, 12, 13}, {2, 0, 13, 14}, {2, 1, 13, 14}});
    EXPECT_DOUBLE_EQ(result.jobs[0].cycle_seconds(2), 13);
}

TEST(EventClock, NoticesPlansThatAreNotSafe) {
    SamplePlan broken = step_sample();
    broken.plan.actions[4].waits.clear();  // takes bytes that are copied out
    broken.plan.actions[3].waits.clear();
    std::vector<double> seconds = seconds_of(broken);
    seconds[1] = 0.25;
    EXPECT_THROW(run_clock_alone(broken.program, broken.plan, seconds, duplex_link()), InternalError);
    broken = step_sample();
    broken.plan.actions[1].previous_waits.clear();
    EXPECT_THROW(run_clock_alone(broken.program, broken.plan, seconds, duplex_link()), InternalError);
}

}  // namespace
}  // namespace tensile
