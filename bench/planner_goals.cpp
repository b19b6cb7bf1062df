// Single figures of the planner, each against its goal, as CSV on stdout. All but the plan times are exact and
// repeatable.
//
//   planner_goals networks     smallest budget, extent against peak, ample budgets, plan times and first step
//   planner_goals published    the published metrics: extra time at the published savings, 1 to 3 equal jobs
//   planner_goals mixed        five different image networks at once
//   planner_goals stagger      4 equal jobs in pools with room for all, two or one of their step regions
#include <algorithm>
#include <cstdio>

#include "measure.h"
#include "memory_methods/methods.h"
#include "memory_methods/workloads.h"
#include "planner/checker.h"
#include "planner/event_clock.h"
#include "tensor/random.h"

namespace tensile::bench {
namespace {

std::uint64_t share_of(std::uint64_t bytes, double share) {
    return static_cast<std::uint64_t>(share * static_cast<double>(bytes));
}

double quotient(std::uint64_t dividend, std::uint64_t divisor) {
    return static_cast<double>(dividend) / static_cast<double>(divisor);
}

// Milliseconds of the fastest of several plans.
double plan_milliseconds(const BaselineRequest& request, std::uint64_t budget) {
    constexpr int kRounds = 5;
    double least = 1e9;
    for (int i = 0; i < kRounds; ++i) {
        const Stopwatch watch;
        plan_ours(request, budget);
        least = std::min(least, watch.seconds());
    }
    return 1e3 * least;
}

// The smallest budget that gets a plan, by bisection between what fails and what works.
std::uint64_t smallest_planned(const BaselineRequest& request, std::uint64_t fails, std::uint64_t works) {
    while (works - fails > 4096) {
        const std::uint64_t middle = fails + (works - fails) / 2;
        (plan_ours(request, middle) ? works : fails) = middle;
    }
    return works;
}

struct FirstStep {
    double saving = 0;    // bytes below liveness only at the first step's peak, of those in the steady state
    double time = 0;      // of the first step, of a later one
    double mistaken = 0;  // steady state of a plan made with op times wrong by up to 50 %, of one made with true times
};

FirstStep measure_first_step(const Workload& work, const BaselineRequest& request, std::uint64_t full) {
    const std::uint64_t budget = share_of(full, 0.6);
    const auto plan = plan_ours(request, budget);
    if (!plan) return {};
    const JobTimes steps = run_clock_alone(work.program, *plan, work.op_seconds, request.link).jobs[0];
    const JobTimes first = run_clock_alone(work.program, *plan, work.op_seconds, request.link, 1).jobs[0];
    std::vector<double> wrong = work.op_seconds;
    for (std::size_t i = 0; i < wrong.size(); ++i)
        wrong[i] *= 0.5 + random_uniform(1, 0, i);
    const auto prior_plan = plan_ours({&work.program, wrong, request.link}, budget);
    if (!prior_plan) return {};
    const JobTimes prior = run_clock_alone(work.program, *prior_plan, work.op_seconds, request.link).jobs[0];
    return {quotient(full - first.live_peak_bytes, full - steps.live_peak_bytes),
            steps.step_ends[0] / steps.cycle_seconds(), prior.cycle_seconds() / steps.cycle_seconds()};
}

void print_networks() {
    std::printf(
        "network,ops,full_mib,state_share,working_set_mib,stated_minimum_mib,smallest_mib,minimum_extent_mib,"
        "minimum_time_ratio,liveness_extent,planned_extent,ample_copies,ample_actions,ms_100,ms_60,ms_40,ms_30,first_"
        "saving,first_time,mistaken_time\n");
    constexpr double kMiB = 1 << 20;
    for (const std::string_view name : network_names()) {
        const Workload work = network_workload(name);
        const BaselineRequest request = work.request(0.5);
        const SingleJob job(request);
        const Plan liveness = *plan_liveness_only(request, kAmple);
        const std::uint64_t full = liveness.extent_bytes;
        const std::uint64_t working_set = greatest_working_set(work.program);
        const std::uint64_t stated = minimum_bytes(job.request());
        const std::uint64_t smallest = smallest_planned(request, working_set / 2, stated);
        const Plan least = *plan_ours(request, stated);
        check_plan(work.program, least);
        const double least_seconds =
            run_clock_alone(work.program, least, work.op_seconds, request.link).jobs[0].cycle_seconds();
        const Plan ample = *plan_ours(request, full);
        const auto is_copy = [](const Action& action) { return action.kind != ActionKind::kRun; };
        double extent = 0;
        for (const double share : {1.0, 0.8, 0.6, 0.4, 0.3})
            if (const auto plan = plan_ours(request, share_of(full, share)))
                extent = std::max(extent, quotient(plan->extent_bytes, plan->peak_bytes));
        const FirstStep first = measure_first_step(work, request, full);
        std::printf("%s,%zu,%.1f,%.3f,%.1f,%.1f,%.1f,%.1f,%.3f,%.4f,%.4f,%td,%.4f,", work.name.c_str(),
                    work.program.ops.size(), static_cast<double>(full) / kMiB,
                    work.state_bytes / static_cast<double>(full), static_cast<double>(working_set) / kMiB,
                    static_cast<double>(stated) / kMiB, static_cast<double>(smallest) / kMiB,
                    static_cast<double>(least.extent_bytes) / kMiB, least_seconds / work.compute_seconds,
                    quotient(full, liveness.peak_bytes), extent,
                    std::count_if(ample.actions.begin(), ample.actions.end(), is_copy),
                    quotient(ample.actions.size(), work.program.ops.size()));
        for (const double share : {1.0, 0.6, 0.4, 0.3})
            std::printf("%.2f,", plan_milliseconds(request, share_of(full, share)));
        std::printf("%.4f,%.4f,%.4f\n", first.saving, first.time, first.mistaken);
        std::fflush(stdout);
    }
}

double makespan(const Workload& work, const Plan& plan, const LinkModel& link, std::size_t count, std::uint64_t pool) {
    constexpr int kSteps = 8;
    const std::vector<ClockJob> jobs(count, {{{&work.program, &plan, work.op_seconds}}, kSteps, 0});
    return run_clock({jobs, link, pool, false}).makespan_seconds;
}

// Memory-saving and extra-overhead ratio of arXiv 2105.13336, measured by its authors on 24 July 2021.
struct PublishedFigure {
    std::string_view network;
    std::int64_t images;
    std::size_t jobs;
    double saving;
    double overhead;
};
constexpr PublishedFigure kPublished[] = {
    {"vgg_16", 16, 1, .326, .263},      {"vgg_16", 2, 1, .153, .257},        {"vgg_16", 2, 2, .174, .468},
    {"vgg_16", 2, 3, .242, .565},       {"inception_v3", 16, 1, .590, .296}, {"inception_v3", 2, 1, .297, .606},
    {"inception_v3", 2, 2, .312, .351}, {"inception_v3", 2, 3, .272, .193},  {"inception_v4", 16, 1, .647, .159},
    {"inception_v4", 2, 1, .502, .620}, {"inception_v4", 2, 2, .415, .081},  {"inception_v4", 2, 3, .422, .070},
    {"resnet_50", 16, 1, .671, .609},   {"resnet_50", 2, 1, .257, .554},     {"resnet_50", 2, 2, .329, .480},
    {"resnet_50", 2, 3, .297, .435},    {"densenet_121", 16, 1, .760, .164}, {"densenet_121", 2, 1, .386, .081},
    {"densenet_121", 2, 2, .276, .110}, {"densenet_121", 2, 3, .212, .070}};

// The published savings are against a framework that frees nothing before the end of a step. They are asked for twice:
// against the same, and, harder, against liveness only.
void print_published() {
    std::printf(
        "network,images,jobs,published_saving,published_overhead,liveness_saving,overhead_same,overhead_harder,saving_"
        "harder\n");
    for (const PublishedFigure& figure : kPublished) {
        const Workload work = image_workload(figure.network, figure.images, kGpuRates);
        const BaselineRequest request = work.request(kPcieLink);
        const Plan liveness = *plan_liveness_only(request, kAmple);
        const std::uint64_t unfreed = bytes_without_liveness(work.program);
        const double alone = makespan(work, liveness, kPcieLink, figure.jobs, liveness.extent_bytes * figure.jobs);
        std::printf("%s,%td,%zu,%.3f,%.3f,%.3f,", work.name.c_str(), static_cast<std::ptrdiff_t>(figure.images),
                    figure.jobs, figure.saving, figure.overhead, 1 - quotient(liveness.extent_bytes, unfreed));
        for (const std::uint64_t of : {unfreed, liveness.extent_bytes}) {
            const auto plan = plan_ours(request, share_of(of, 1 - figure.saving));
            if (plan)
                std::printf(
                    "%.4f,",
                    makespan(work, *plan, kPcieLink, figure.jobs, plan->extent_bytes * figure.jobs) / alone - 1);
            else
                std::printf(",");
        }
        std::printf("%.3f\n", 1 - (1 - figure.saving) * quotient(liveness.extent_bytes, unfreed));
        std::fflush(stdout);
    }
}

// The five image networks at once with 2 images each, as in the published evaluation, of which no figures are left.
// Each is planned for a share of what liveness alone needs, in a pool that holds the states of all and the largest
// `regions` step regions.
void print_mixed() {
    std::printf("share,regions,saving,saving_on_liveness,overhead\n");
    constexpr int kSteps = 8;
    std::vector<Workload> works;
    for (const std::string_view name : image_network_names())
        works.push_back(image_workload(name, 2, kGpuRates));
    const auto clock = [&](const std::vector<Plan>& plans, std::uint64_t pool) {
        std::vector<ClockJob> jobs;
        for (std::size_t i = 0; i < works.size(); ++i)
            jobs.push_back({{{&works[i].program, &plans[i], works[i].op_seconds}}, kSteps, 0});
        return run_clock({jobs, kPcieLink, pool, false}).makespan_seconds;
    };
    std::uint64_t unfreed = 0;
    std::uint64_t live = 0;
    std::vector<Plan> liveness;
    for (const Workload& work : works) {
        liveness.push_back(*plan_liveness_only(work.request(kPcieLink), kAmple));
        unfreed += bytes_without_liveness(work.program);
        live += liveness.back().extent_bytes;
    }
    const double alone = clock(liveness, live);
    for (const double share : {1.0, 0.8, 0.6, 0.4}) {
        std::vector<Plan> plans;
        for (std::size_t i = 0; i < works.size(); ++i) {
            const std::uint64_t step = share_of(liveness[i].step_bytes(), share);
            if (auto plan = plan_ours(works[i].request(kPcieLink), liveness[i].state_bytes + step))
                plans.push_back(*std::move(plan));
        }
        if (plans.size() < works.size()) continue;
        std::vector<std::uint64_t> steps;
        std::uint64_t pool = 0;
        for (const Plan& plan : plans) {
            steps.push_back(plan.step_bytes());
            pool += plan.state_bytes;
        }
        std::sort(steps.rbegin(), steps.rend());
        for (std::size_t regions = 1; regions <= steps.size(); ++regions) {
            pool += steps[regions - 1];
            if (regions != 1 && regions != 2 && regions != steps.size()) continue;
            std::printf("%g,%zu,%.3f,%.3f,%.4f\n", share, regions, 1 - quotient(pool, unfreed),
                        1 - quotient(pool, live), clock(plans, pool) / alone - 1);
            std::fflush(stdout);
        }
    }
}

// Regions: how many step regions the pool has room for, beside the states of all jobs.
void print_stagger() {
    std::printf("network,share,ratio,state_share,regions,pool_share,floor,makespan_ratio\n");
    constexpr std::uint64_t kJobs = 4;
    for (const std::string_view name : network_names()) {
        const Workload work = network_workload(name);
        for (const double share : {1.0, 0.6})
            for (const double ratio : {1.0, 0.2}) {
                const BaselineRequest request = work.request(ratio);
                const auto plan = plan_ours(request, share_of(liveness_bytes(request), share));
                if (!plan) continue;
                const double state = quotient(plan->state_bytes, plan->extent_bytes);
                const double roomy = makespan(work, *plan, request.link, kJobs, kJobs * plan->extent_bytes);
                for (const std::uint64_t regions : {2, 1}) {
                    const std::uint64_t pool = kJobs * plan->state_bytes + regions * plan->step_bytes();
                    std::printf("%s,%g,%g,%.3f,%d,%.3f,%.3f,%.4f\n", work.name.c_str(), share, ratio, state,
                                static_cast<int>(regions), quotient(pool, kJobs * plan->extent_bytes),
                                state + (1 - state) / 2, makespan(work, *plan, request.link, kJobs, pool) / roomy);
                }
            }
    }
}

}  // namespace
}  // namespace tensile::bench

int main(int count, char** arguments) {
    const std::string part = count > 1 ? arguments[1] : "";
    if (part == "networks") tensile::bench::print_networks();
    if (part == "published") tensile::bench::print_published();
    if (part == "mixed") tensile::bench::print_mixed();
    if (part == "stagger") tensile::bench::print_stagger();
    return 0;
}
