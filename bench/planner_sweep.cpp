// The planner and all baselines on the event clock, as CSV on stdout. Exact and repeatable.
//
//   planner_sweep single NETWORK [METHOD]    budgets x speeds of the link x methods; METHOD
//                                          "lower-bound": what none of them can beat
//   planner_sweep jobs NETWORK      several equal jobs
//   planner_sweep memory NETWORK    bytes that are open over the time of a step, for each method
//   planner_sweep names             all networks; without NETWORK the synthetic programs are taken
//
// Budgets are shares of the extent that liveness alone needs. Ratio = compute seconds of a step / (bytes of all
// non-state tensors / bandwidth in one direction). A method without a plan has an empty time.
#include <cmath>
#include <cstdio>

#include "measure.h"
#include "memory_methods/methods.h"
#include "memory_methods/workloads.h"
#include "planner/admission.h"
#include "planner/checker.h"
#include "planner/event_clock.h"
#include "planner/lower_bound.h"

namespace tensile::bench {
namespace {

constexpr double kRatios[] = {2, 1, 0.5, 0.2, 0.1};
constexpr double kShares[] = {1, 0.8, 0.6, 0.4, 0.3};
constexpr double kMiB = 1 << 20;
constexpr const char* kBound = "lower-bound";

void print_bound(const Workload& work, std::uint64_t full, double share) {
    const auto budget = static_cast<std::uint64_t>(share * static_cast<double>(full));
    for (const double ratio : kRatios) {
        const double least = least_seconds(work.program, work.op_seconds, work.link(ratio), budget);
        std::printf("%s,%zu,%.3f,%g,%g,%.1f,%s,", work.name.c_str(), work.program.ops.size(),
                    work.state_bytes / static_cast<double>(full), ratio, share, static_cast<double>(budget) / kMiB,
                    kBound);
        if (std::isfinite(least)) std::printf("%.4f", least / work.compute_seconds);
        std::printf(",,,,,,,\n");
    }
}

void sweep_single(const std::vector<Workload>& works, const std::string& only) {
    std::printf(
        "network,ops,state_share,ratio,share,budget_mib,method,time_ratio,extent_mib,in_mib,out_mib,recompute_share,"
        "stall_in_share,stall_out_share,plan_ms\n");
    for (const Workload& work : works) {
        const std::uint64_t full = liveness_bytes(work.request(1));
        for (const double share : kShares) {
            if (only.empty() || only == kBound) print_bound(work, full, share);
            for (const Method& method : methods()) {
                if (!only.empty() && method.name != only) continue;
                const auto budget = static_cast<std::uint64_t>(share * static_cast<double>(full));
                std::optional<Plan> plan;
                double plan_ms = 0;
                for (const double ratio : kRatios) {
                    const BaselineRequest request = work.request(ratio);
                    if (method.knows_link || ratio == kRatios[0]) {
                        const Stopwatch watch;
                        plan = method.plan(request, budget);
                        plan_ms = 1e3 * watch.seconds();
                    }
                    std::printf("%s,%zu,%.3f,%g,%g,%.1f,%s,", work.name.c_str(), work.program.ops.size(),
                                work.state_bytes / static_cast<double>(full), ratio, share,
                                static_cast<double>(budget) / kMiB, method.name.data());
                    if (!plan) {
                        std::printf(",,,,,,,%.3f\n", plan_ms);
                        continue;
                    }
                    check_plan(work.program, *plan);
                    constexpr int kSteps = 4;
                    const JobTimes job =
                        run_clock_alone(work.program, *plan, work.op_seconds, request.link, kSteps).jobs[0];
                    const double steps_seconds = kSteps * work.compute_seconds;
                    std::printf(
                        "%.4f,%.1f,%.1f,%.1f,%.4f,%.4f,%.4f,%.3f\n", job.cycle_seconds() / work.compute_seconds,
                        static_cast<double>(plan->extent_bytes) / kMiB,
                        static_cast<double>(job.in_bytes) / kSteps / kMiB,
                        static_cast<double>(job.out_bytes) / kSteps / kMiB, job.recompute_seconds / steps_seconds,
                        job.stall_seconds[static_cast<std::size_t>(StallCause::kCopyIn)] / steps_seconds,
                        job.stall_seconds[static_cast<std::size_t>(StallCause::kCopyOut)] / steps_seconds, plan_ms);
                }
            }
        }
    }
}

// Equal jobs, each planned for 60 % of what it would like, in pools with room for all step regions or for one.
void sweep_jobs(const std::vector<Workload>& works) {
    std::printf("network,ratio,jobs,pool,pool_share_of_sum,predicted_slowdown,clocked_slowdown,makespan_ratio\n");
    for (const Workload& work : works) {
        const std::uint64_t full = liveness_bytes(work.request(1));
        for (const double ratio : {1.0, 0.2})
            for (const int count : {1, 2, 3, 4, 16})
                for (const bool staggered : {false, true}) {
                    const BaselineRequest request = work.request(ratio);
                    const auto plan = plan_ours(request, full * 6 / 10);
                    if (!plan) continue;
                    constexpr int kSteps = 8;
                    const ClockJob job{{{&work.program, &*plan, work.op_seconds}}, kSteps, 0};
                    const Certificate certificate = certify(job, request.link);
                    const auto jobs_count = static_cast<std::uint64_t>(count);
                    const std::uint64_t sum = plan->extent_bytes * jobs_count;
                    // Staggered: one computes while the copies of another one end.
                    const std::uint64_t regions = staggered ? std::min<std::uint64_t>(jobs_count, 2) : jobs_count;
                    const std::uint64_t pool = plan->state_bytes * jobs_count + plan->step_bytes() * regions;
                    Admission admission(request.link, pool);
                    for (int i = 0; i < count; ++i)
                        if (!admission.add(certificate)) return;
                    const std::vector<ClockJob> jobs(static_cast<std::size_t>(count), job);
                    const ClockResult clocked = run_clock({jobs, request.link, pool, false});
                    const ClockResult roomy = run_clock({jobs, request.link, sum, false});
                    double slowest = 0;
                    for (const JobTimes& times : clocked.jobs)
                        slowest = std::max(slowest, times.cycle_seconds() / certificate.step_seconds);
                    std::printf("%s,%g,%d,%s,%.3f,%.4f,%.4f,%.4f\n", work.name.c_str(), ratio, count,
                                staggered ? "two regions" : "all regions",
                                static_cast<double>(pool) / static_cast<double>(sum),
                                admission.forecast().slowdown(certificate), slowest,
                                clocked.makespan_seconds / roomy.makespan_seconds);
                }
    }
}

// Bytes that are open over the time of the last step, for pictures.
void sweep_memory(const std::vector<Workload>& works) {
    std::printf("network,method,share,ratio,seconds,mib\n");
    for (const Workload& work : works) {
        const std::uint64_t full = liveness_bytes(work.request(1));
        for (const Method& method : methods()) {
            const double share = method.name == "liveness" ? 1.0 : 0.6;
            const BaselineRequest request = work.request(1);
            const bool is_free = method.name == "tensile-published";
            const auto plan =
                method.plan(request, is_free ? kAmple : static_cast<std::uint64_t>(share * static_cast<double>(full)));
            if (!plan) continue;
            constexpr int kSteps = 3;
            const ClockResult clocked =
                run_clock_alone(work.program, *plan, work.op_seconds, request.link, kSteps, true);
            const double from = clocked.jobs[0].step_ends[kSteps - 2];
            for (const MemoryPoint& point : clocked.memory)
                if (point.seconds >= from)
                    std::printf("%s,%s,%g,1,%.6g,%.2f\n", work.name.c_str(), method.name.data(), share,
                                point.seconds - from, static_cast<double>(point.bytes) / kMiB);
        }
    }
}

}  // namespace
}  // namespace tensile::bench

int main(int count, char** arguments) {
    using namespace tensile::bench;
    const std::string part = count > 1 ? arguments[1] : "";
    if (part == "names") {
        for (const std::string_view name : network_names())
            std::printf("%s\n", name.data());
        return 0;
    }
    std::vector<Workload> works;
    if (count > 2)
        works.push_back(network_workload(arguments[2]));
    else
        works = synthetic_workloads();
    if (part == "single") sweep_single(works, count > 3 ? arguments[3] : "");
    if (part == "jobs") sweep_jobs(works);
    if (part == "memory") sweep_memory(works);
    return 0;
}
