// The planner and all baselines on the event clock: networks x budgets x speed of the link, as CSV on stdout; then
// lines of several jobs. Exact and repeatable. Usage: planner_sweep [single | jobs | memory]; without argument single
// and jobs.
//
// Budgets are shares of the extent that liveness alone needs. Ratio = compute seconds of a step / (bytes of all
// non-state tensors / bandwidth in one direction). A method without a plan has an empty time.
#include <cstdio>
#include <cstring>
#include <functional>

#include "measure.h"
#include "planner/admission.h"
#include "planner/baselines/baselines.h"
#include "planner/checker.h"
#include "planner/event_clock.h"
#include "planner/job_planner.h"
#include "synthetic_programs.h"

namespace tensile::bench {
namespace {

struct Workload {
    LoweredProgram program;
    std::vector<double> op_seconds;
    double compute_seconds = 0;
    double traffic_bytes = 0;  // of non-state tensors

    LinkModel link(double ratio) const {
        const double bandwidth = ratio * traffic_bytes / compute_seconds;
        return {bandwidth, bandwidth, 2 * bandwidth, 1e-5};
    }
};

Workload workload(LoweredProgram program) {
    Workload made{std::move(program), {}, 0, 0};
    made.op_seconds = roofline_seconds(made.program);
    for (const double seconds : made.op_seconds)
        made.compute_seconds += seconds;
    for (const LoweredTensor& tensor : made.program.tensors)
        if (tensor.kind == LoweredKind::kInput || tensor.kind == LoweredKind::kResult)
            made.traffic_bytes += static_cast<double>(tensor.bytes);
    return made;
}

// The program as a job of its own.
struct Request {
    explicit Request(const BaselineRequest& of) {
        task.program = of.program;
        for (const LoweredTensor& tensor : of.program->tensors) {
            const bool is_variable = tensor.kind == LoweredKind::kVariable;
            task.variables.push_back(is_variable ? static_cast<std::int32_t>(variable_bytes.size()) : -1);
            if (is_variable) variable_bytes.push_back(tensor.bytes);
        }
        task.op_seconds.assign(of.op_seconds.begin(), of.op_seconds.end());
        link = of.link;
    }
    JobRequest get() const { return {{&task, 1}, variable_bytes, link}; }

    ProgramTask task;
    std::vector<std::uint64_t> variable_bytes;
    LinkModel link;
};

std::optional<Plan> plan_ours(const BaselineRequest& request, std::uint64_t budget) {
    const Request job(request);
    auto planned = plan_job(job.get(), budget);
    if (!planned) return std::nullopt;
    return std::move(planned->plans[0]);
}

struct Method {
    const char* name;
    std::function<std::optional<Plan>(const BaselineRequest&, std::uint64_t)> plan;
};

const std::vector<Method>& methods() {
    static const std::vector<Method> all = {
        {"planner", plan_ours},
        {"liveness", plan_liveness_only},
        {"vdnn",
         [](const auto& request, std::uint64_t budget) { return plan_vdnn(request, budget, VdnnVariant::kDynamic); }},
        {"capuchin", plan_capuchin},
        {"tensile-published",
         [](const auto& request, std::uint64_t budget) { return plan_tensile_published(request, budget, false); }},
        {"tensile-budget",
         [](const auto& request, std::uint64_t budget) { return plan_tensile_published(request, budget, true); }},
        {"dtr", plan_dtr}};
    return all;
}

constexpr double kRatios[] = {2, 1, 0.5, 0.2, 0.1};
constexpr double kShares[] = {1, 0.8, 0.6, 0.4, 0.3};
constexpr std::uint64_t kAmple = std::uint64_t{1} << 50;

std::uint64_t liveness_bytes(const Workload& work) {
    return plan_liveness_only({&work.program, work.op_seconds, work.link(1)}, kAmple)->extent_bytes;
}

void sweep_single() {
    std::printf(
        "network,ops,ratio,share,budget_mib,method,time_ratio,extent_mib,in_mib,out_mib,recompute_share,stall_in_"
        "share,stall_out_share,plan_ms\n");
    for (LoweredProgram& program : synthetic_programs()) {
        const Workload work = workload(std::move(program));
        const std::uint64_t full = liveness_bytes(work);
        for (const double ratio : kRatios)
            for (const double share : kShares)
                for (const Method& method : methods()) {
                    const auto budget = static_cast<std::uint64_t>(share * static_cast<double>(full));
                    const BaselineRequest request{&work.program, work.op_seconds, work.link(ratio)};
                    const Stopwatch watch;
                    const auto plan = method.plan(request, budget);
                    const double plan_ms = 1e3 * watch.seconds();
                    std::printf("%s,%zu,%g,%g,%.1f,%s,", work.program.name.c_str(), work.program.ops.size(), ratio,
                                share, static_cast<double>(budget) / kMiB, method.name);
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

// Equal jobs, each planned for 60 % of what it would like, in pools with room for all step regions or for one.
void sweep_jobs() {
    std::printf("network,ratio,jobs,pool,pool_share_of_sum,predicted_slowdown,clocked_slowdown,makespan_ratio\n");
    for (LoweredProgram& program : synthetic_programs()) {
        const Workload work = workload(std::move(program));
        const std::uint64_t full = liveness_bytes(work);
        for (const double ratio : {1.0, 0.2})
            for (const int count : {1, 2, 3, 4, 16})
                for (const bool staggered : {false, true}) {
                    const BaselineRequest request{&work.program, work.op_seconds, work.link(ratio)};
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
                    std::printf("%s,%g,%d,%s,%.3f,%.4f,%.4f,%.4f\n", work.program.name.c_str(), ratio, count,
                                staggered ? "two regions" : "all regions",
                                static_cast<double>(pool) / static_cast<double>(sum),
                                admission.forecast().slowdown(certificate), slowest,
                                clocked.makespan_seconds / roomy.makespan_seconds);
                }
    }
}

// Bytes that are open over the time of the last step, for pictures.
void sweep_memory() {
    std::printf("network,method,share,ratio,seconds,mib\n");
    for (LoweredProgram& program : synthetic_programs()) {
        const Workload work = workload(std::move(program));
        const std::uint64_t full = liveness_bytes(work);
        for (const Method& method : methods()) {
            const double share = std::strcmp(method.name, "liveness") == 0 ? 1.0 : 0.6;
            const BaselineRequest request{&work.program, work.op_seconds, work.link(1)};
            const bool is_free = std::strcmp(method.name, "tensile-published") == 0;
            const auto plan =
                method.plan(request, is_free ? kAmple : static_cast<std::uint64_t>(share * static_cast<double>(full)));
            if (!plan) continue;
            constexpr int kSteps = 3;
            const ClockResult clocked =
                run_clock_alone(work.program, *plan, work.op_seconds, request.link, kSteps, true);
            const double from = clocked.jobs[0].step_ends[kSteps - 2];
            for (const MemoryPoint& point : clocked.memory)
                if (point.seconds >= from)
                    std::printf("%s,%s,%g,1,%.6g,%.2f\n", work.program.name.c_str(), method.name, share,
                                point.seconds - from, static_cast<double>(point.bytes) / kMiB);
        }
    }
}

}  // namespace
}  // namespace tensile::bench

int main(int count, char** arguments) {
    const std::string part = count > 1 ? arguments[1] : "";
    if (part.empty() || part == "single") tensile::bench::sweep_single();
    if (part.empty() || part == "jobs") tensile::bench::sweep_jobs();
    if (part == "memory") tensile::bench::sweep_memory();
    return 0;
}
