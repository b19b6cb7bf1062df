// Sums and maxima over certificates; see admission.h.
#include "planner/admission.h"

#include <algorithm>
#include <vector>

#include "tensor/error.h"

namespace tensile {

namespace {

// Both directions at once, at the rates that they then have, until one has nothing left.
double link_seconds(const LinkModel& link, double in_seconds, double out_seconds) {
    const double both = link.in_bytes_per_second + link.out_bytes_per_second;
    const double share = std::min(1.0, link.total_bytes_per_second / both);
    const double shorter = std::min(in_seconds, out_seconds);
    return shorter / share + std::max(in_seconds, out_seconds) - shorter;
}

}  // namespace

Certificate certify(const ClockJob& job, const LinkModel& link) {
    Certificate certificate;
    for (const ClockProgram& program : job.cycle) {
        const Plan& plan = *program.plan;
        certificate.state_bytes = std::max(certificate.state_bytes, plan.state_bytes);
        certificate.step_bytes = std::max(certificate.step_bytes, plan.step_bytes());
        certificate.minimum_bytes = std::max(certificate.minimum_bytes, plan.minimum_bytes);
    }
    // The last cycle is the steady state; its neighbours on both sides are there for copies that overlap.
    const auto length = static_cast<std::int32_t>(job.cycle.size());
    ClockJob alone = job;
    alone.steps = 3 * length;
    alone.arrival_seconds = 0;
    const std::uint64_t extent = certificate.state_bytes + certificate.step_bytes;
    const ClockResult clocked = run_clock({{&alone, 1}, link, extent, true});

    struct Step {
        double first_begin = -1;
        double first_op = -1;
        double last_op = 0;
        double last_end = 0;
    };
    std::vector<Step> steps(static_cast<std::size_t>(alone.steps));
    for (const TimelineEntry& entry : clocked.timeline) {
        Step& step = steps[static_cast<std::size_t>(entry.step)];
        const ClockProgram& program = job.cycle[static_cast<std::size_t>(entry.step % length)];
        const Action& action = program.plan->actions[static_cast<std::size_t>(entry.action)];
        if (step.first_begin < 0 || entry.begin < step.first_begin) step.first_begin = entry.begin;
        step.last_end = std::max(step.last_end, entry.end);
        if (action.kind == ActionKind::kRun) {
            if (step.first_op < 0) step.first_op = entry.begin;
            step.last_op = entry.end;
            if (entry.step >= 2 * length) certificate.compute_seconds += entry.end - entry.begin;
            continue;
        }
        if (entry.step < 2 * length) continue;
        const Place& place = program.plan->places[static_cast<std::size_t>(action.subject)];
        const auto bytes = static_cast<double>(program.program->tensors[static_cast<std::size_t>(place.tensor)].bytes);
        const bool is_in = action.kind == ActionKind::kCopyIn;
        (is_in ? certificate.in_bytes : certificate.out_bytes) += bytes;
        (is_in ? certificate.in_copies : certificate.out_copies) += 1;
    }
    for (std::size_t i = static_cast<std::size_t>(2 * length); i < steps.size(); ++i) {
        certificate.turn_seconds += steps[i].last_op - steps[i].first_op;
        certificate.region_seconds += steps[i].last_end - steps[i].first_begin;
    }
    certificate.step_seconds = clocked.jobs[0].cycle_seconds(job.cycle.size());
    for (double* value : {&certificate.compute_seconds, &certificate.turn_seconds, &certificate.region_seconds,
                          &certificate.step_seconds, &certificate.in_bytes, &certificate.out_bytes,
                          &certificate.in_copies, &certificate.out_copies})
        *value /= length;
    return certificate;
}

bool Admission::fits(const Certificate& certificate) const {
    std::uint64_t states = certificate.state_bytes;
    std::uint64_t greatest = certificate.step_bytes;
    for (const auto& [job, other] : jobs_) {
        states += other.state_bytes;
        greatest = std::max(greatest, other.step_bytes);
    }
    return states <= budget_bytes_ && greatest <= budget_bytes_ - states;
}

Forecast Admission::forecast(const Certificate* newcomer) const {
    std::vector<const Certificate*> all;
    for (const auto& [job, certificate] : jobs_)
        all.push_back(&certificate);
    if (newcomer != nullptr) all.push_back(newcomer);

    std::uint64_t states = 0;
    std::uint64_t steps = 0;
    double turns = 0;
    double regions = 0;
    double area = 0;  // byte seconds of step regions
    double in_seconds = 0;
    double out_seconds = 0;
    Forecast forecast;
    for (const Certificate* one : all) {
        states += one->state_bytes;
        steps += one->step_bytes;
        turns += one->turn_seconds;
        regions += one->region_seconds;
        area += one->region_seconds * static_cast<double>(one->step_bytes);
        in_seconds += one->in_copies * link_.latency_seconds + one->in_bytes / link_.in_bytes_per_second;
        out_seconds += one->out_copies * link_.latency_seconds + one->out_bytes / link_.out_bytes_per_second;
        forecast.round_seconds = std::max(forecast.round_seconds, one->step_seconds);
    }
    if (all.empty()) return forecast;
    const double link = link_seconds(link_, in_seconds, out_seconds);
    forecast.round_seconds = std::max({forecast.round_seconds, turns, link});
    const std::uint64_t room = budget_bytes_ > states ? budget_bytes_ - states : 0;
    if (all.size() > 1 && steps > room) {
        // Not all regions at once: they are held in turn, as many as fit.
        std::vector<std::uint64_t> sizes;
        for (const Certificate* one : all)
            sizes.push_back(one->step_bytes);
        std::sort(sizes.begin(), sizes.end());
        const bool one_by_one = sizes[0] + sizes[1] > room;
        const double held = one_by_one ? regions : area / static_cast<double>(room);
        forecast.round_seconds = std::max(forecast.round_seconds, held);
    }
    forecast.link_share = link / forecast.round_seconds;
    return forecast;
}

std::optional<std::int64_t> Admission::add(const Certificate& certificate) {
    if (!fits(certificate)) return std::nullopt;
    jobs_.emplace(next_, certificate);
    return next_++;
}

void Admission::remove(std::int64_t job) {
    if (jobs_.erase(job) == 0) throw InternalError("job " + std::to_string(job) + " was not admitted");
}

}  // namespace tensile
