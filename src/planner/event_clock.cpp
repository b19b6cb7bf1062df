// The simulation: a set of jobs, each in one phase, and the events that move them on; see event_clock.h.
#include "planner/event_clock.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "planner/open_places.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr double kEver = std::numeric_limits<double>::infinity();

constexpr std::size_t kOps = queue_of(ActionKind::kRun);
constexpr std::size_t kOut = queue_of(ActionKind::kCopyOut);
constexpr std::size_t kIn = queue_of(ActionKind::kCopyIn);

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

// A plan, cut into its queues.
struct QueuedPlan {
    explicit QueuedPlan(const ClockProgram& source) : source(&source), rank(source.plan->actions.size()) {
        std::vector<bool> ran(source.program->ops.size());
        for (std::size_t i = 0; i < source.plan->actions.size(); ++i) {
            const Action& action = source.plan->actions[i];
            std::vector<std::int32_t>& queue = queues[queue_of(action.kind)];
            rank[i] = queue.size();
            queue.push_back(static_cast<std::int32_t>(i));
            repeats.push_back(action.kind == ActionKind::kRun && ran[at(action.subject)]);
            if (action.kind == ActionKind::kRun) ran[at(action.subject)] = true;
        }
    }

    const ClockProgram* source;
    std::array<std::vector<std::int32_t>, kQueues> queues;  // actions
    std::vector<std::size_t> rank;                          // by action: its index in its queue
    std::vector<bool> repeats;                              // by action: a recomputation
};

// One action under way.
struct Running {
    std::size_t action = 0;
    std::int32_t step = 0;
    double begin = 0;
    double seconds_left = 0;  // of an op, or of a copy's latency
    double bytes_left = 0;
};

enum class Phase : std::uint8_t {
    kAbsent,
    kAdmission,  // the pool could never hold it beside the jobs that are there
    kState,      // in line for its state
    kFeed,       // between steps: the inputs cannot be written yet
    kDrain,      // between steps: gives its region back after the last copy out
    kRegion,     // in line for its step region
    kStep,
    kGone,
};

struct Job {
    const ClockJob* request = nullptr;
    std::int32_t index = 0;
    std::vector<QueuedPlan> plans;
    std::vector<std::unique_ptr<OpenPlaces>> open_places;  // by plan
    std::uint64_t state_bytes = 0;
    std::uint64_t greatest_step = 0;
    Phase phase = Phase::kAbsent;

    std::int32_t steps_begun = 0;
    std::uint64_t region_bytes = 0;  // held now
    // Of the plan that is executed; consecutive executions of one plan count on.
    std::size_t plan = 0;
    std::int32_t first_step = 0;  // since which this plan is executed
    std::size_t executions = 0;
    std::array<std::size_t, kQueues> started = {};
    std::array<std::size_t, kQueues> completed = {};
    std::array<std::optional<Running>, kQueues> running;
    bool asked_for_turn = false;
    bool has_turn = false;
    JobTimes times;

    const QueuedPlan& queued() const { return plans[plan]; }
    bool is_complete(std::size_t queue) const { return completed[queue] == executions * queued().queues[queue].size(); }
    bool is_complete(std::int32_t action, std::size_t execution) const {
        const std::size_t queue = queue_of(queued().source->plan->actions[at(action)].kind);
        return completed[queue] > execution * queued().queues[queue].size() + queued().rank[at(action)];
    }
    std::size_t next_plan() const { return static_cast<std::size_t>(steps_begun) % plans.size(); }
    bool has_next_step() const { return steps_begun < request->steps; }

    // The first unfinished action that the head of the queue waits for; -1 when none, nothing when there is no head.
    std::optional<std::int32_t> obstacle(std::size_t queue) const {
        const std::vector<std::int32_t>& actions = queued().queues[queue];
        if (started[queue] == executions * actions.size()) return std::nullopt;
        const std::size_t execution = started[queue] / actions.size();
        const Action& action = queued().source->plan->actions[at(actions[started[queue] % actions.size()])];
        for (const std::int32_t earlier : action.waits)
            if (!is_complete(earlier, execution)) return earlier;
        if (execution > 0)
            for (const std::int32_t earlier : action.previous_waits)
                if (!is_complete(earlier, execution - 1)) return earlier;
        return -1;
    }
};

class Clock {
  public:
    explicit Clock(const ClockRequest& request) : request_(request), jobs_(request.jobs.size()) {
        for (std::size_t i = 0; i < jobs_.size(); ++i)
            set_up(jobs_[i], request.jobs[i], static_cast<std::int32_t>(i));
    }

    ClockResult run() {
        for (;;) {
            while (settle()) {
            }
            note_memory();
            const double next = next_event();
            if (next == kEver) break;
            advance(next);
        }
        for (Job& job : jobs_) {
            if (job.phase != Phase::kGone) throw InternalError("a job on the event clock is blocked for ever");
            result_.makespan_seconds = std::max(result_.makespan_seconds, job.times.end_seconds);
            result_.jobs.push_back(std::move(job.times));
        }
        return std::move(result_);
    }

  private:
    struct Claim {
        Job* job;
        std::uint64_t bytes;
        bool is_state;
    };

    void set_up(Job& job, const ClockJob& request, std::int32_t index) const {
        job.request = &request;
        job.index = index;
        for (const ClockProgram& program : request.cycle) {
            job.plans.emplace_back(program);
            job.open_places.push_back(std::make_unique<OpenPlaces>(*program.program, *program.plan));
            job.state_bytes = std::max(job.state_bytes, program.plan->state_bytes);
            job.greatest_step = std::max(job.greatest_step, program.plan->step_bytes());
        }
        if (job.state_bytes + job.greatest_step > request_.budget_bytes)
            throw Error("54000", "job " + std::to_string(index) + " does not fit into the pool");
    }

    // Everything that can happen without time passing; whether anything did.
    bool settle() {
        bool changed = false;
        for (Job& job : jobs_)
            changed |= settle(job);
        changed |= admit();
        changed |= grant();
        return changed;
    }

    bool settle(Job& job) {
        switch (job.phase) {
        case Phase::kAbsent:
            if (job.request->arrival_seconds > now_) return false;
            job.phase = Phase::kAdmission;
            admissions_.push_back(&job);
            return true;
        case Phase::kFeed:
            return settle_between(job);
        case Phase::kDrain:
            if (!job.is_complete(kOut)) return start_queues(job);
            give_back_region(job);
            return true;
        case Phase::kStep:
            return settle_step(job);
        default:
            return false;
        }
    }

    // A job that keeps its region writes the next inputs as soon as the plan allows.
    bool settle_between(Job& job) {
        if (!job.has_next_step() || job.next_plan() != job.plan || !line_.empty()) {
            job.phase = Phase::kDrain;
            return true;
        }
        for (const std::int32_t earlier : job.queued().source->plan->feed_waits)
            if (!job.is_complete(earlier, job.executions - 1)) return start_queues(job);
        begin_step(job);
        return true;
    }

    bool settle_step(Job& job) {
        bool changed = start_queues(job);
        if (!job.is_complete(kOps)) return changed;
        if (job.has_turn) {
            job.has_turn = job.asked_for_turn = false;
            turns_.pop_front();
            changed = true;
        }
        if (!job.is_complete(kIn)) return changed;
        job.times.step_ends.push_back(now_);
        job.open_places[job.plan]->end();
        job.phase = Phase::kFeed;
        return true;
    }

    bool start_queues(Job& job) {
        bool changed = false;
        for (std::size_t queue = 0; queue < kQueues; ++queue) {
            if (job.running[queue] || job.obstacle(queue) != -1) continue;
            if (queue == kOps && !has_turn(job)) continue;
            start(job, queue);
            changed = true;
        }
        return changed;
    }

    bool has_turn(Job& job) {
        if (!job.asked_for_turn) turns_.push_back(&job);
        job.asked_for_turn = true;
        job.has_turn = turns_.front() == &job;
        return job.has_turn;
    }

    void start(Job& job, std::size_t queue) {
        const QueuedPlan& queued = job.queued();
        const std::size_t count = queued.queues[queue].size();
        Running running;
        running.action = at(queued.queues[queue][job.started[queue] % count]);
        running.step = job.first_step + static_cast<std::int32_t>(job.started[queue] / count);
        running.begin = now_;
        const Action& action = queued.source->plan->actions[running.action];
        if (queue == kOps) {
            running.seconds_left = queued.source->op_seconds[at(action.subject)];
            job.times.compute_seconds += running.seconds_left;
            if (queued.repeats[running.action]) job.times.recompute_seconds += running.seconds_left;
        } else {
            const Place& place = queued.source->plan->places[at(action.subject)];
            const std::uint64_t bytes = queued.source->program->tensors[at(place.tensor)].bytes;
            running.seconds_left = request_.link.latency_seconds;
            running.bytes_left = static_cast<double>(bytes);
            (queue == kIn ? job.times.in_bytes : job.times.out_bytes) += bytes;
        }
        job.open_places[job.plan]->begin(running.action);
        job.times.live_peak_bytes = std::max(job.times.live_peak_bytes, job.open_places[job.plan]->bytes());
        job.running[queue] = running;
        ++job.started[queue];
    }

    void complete(Job& job, std::size_t queue) {
        const Running& running = *job.running[queue];
        job.open_places[job.plan]->complete(running.action);
        if (request_.with_timeline)
            result_.timeline.push_back(
                {job.index, running.step, static_cast<std::int32_t>(running.action), running.begin, now_});
        job.running[queue].reset();
        ++job.completed[queue];
    }

    void begin_step(Job& job) {
        const std::size_t plan = job.next_plan();
        if (job.executions == 0) {
            job.plan = plan;
            job.first_step = job.steps_begun;
            job.executions = 0;
            job.started = job.completed = {};
        }
        ++job.executions;
        ++job.steps_begun;
        job.open_places[job.plan]->feed();
        job.times.live_peak_bytes = std::max(job.times.live_peak_bytes, job.open_places[job.plan]->bytes());
        if (job.open_places[job.plan]->bytes() > job.queued().source->plan->extent_bytes)
            throw InternalError("a plan's open places exceed its extent");
        job.phase = Phase::kStep;
    }

    void give_back_region(Job& job) {
        reserved_ -= job.region_bytes;
        job.region_bytes = 0;
        job.executions = 0;
        job.started = job.completed = {};
        if (job.has_next_step()) {
            claim_region(job);
            return;
        }
        job.phase = Phase::kGone;
        job.times.end_seconds = now_;
        reserved_ -= job.state_bytes;
        present_.erase(std::find(present_.begin(), present_.end(), &job));
    }

    void claim_region(Job& job) {
        job.phase = Phase::kRegion;
        line_.push_back({&job, job.plans[job.next_plan()].source->plan->step_bytes(), false});
    }

    // In order of arrival: a job is admitted when every step region, one at a time, fits beside all states. Then each
    // claim in the line will be granted some time, because regions are given back without asking for anything.
    bool admit() {
        bool changed = false;
        while (!admissions_.empty()) {
            Job& job = *admissions_.front();
            std::uint64_t states = job.state_bytes;
            std::uint64_t greatest = job.greatest_step;
            for (const Job* other : present_) {
                states += other->state_bytes;
                greatest = std::max(greatest, other->greatest_step);
            }
            if (states + greatest > request_.budget_bytes) break;
            admissions_.pop_front();
            present_.push_back(&job);
            job.phase = Phase::kState;
            line_.push_back({&job, job.state_bytes, true});
            changed = true;
        }
        return changed;
    }

    bool grant() {
        bool changed = false;
        while (!line_.empty() && reserved_ + line_.front().bytes <= request_.budget_bytes) {
            const Claim claim = line_.front();
            line_.pop_front();
            reserved_ += claim.bytes;
            result_.reserved_peak_bytes = std::max(result_.reserved_peak_bytes, reserved_);
            if (claim.is_state) {
                claim_region(*claim.job);
            } else {
                begin_step(*claim.job);
                claim.job->region_bytes = claim.bytes;
            }
            changed = true;
        }
        return changed;
    }

    // Bytes per second of a copy in this direction, as many as are under way.
    std::array<double, kQueues> rates() const {
        std::array<int, kQueues> active = {};
        for (const Job& job : jobs_)
            for (const std::size_t queue : {kOut, kIn})
                active[queue] += job.running[queue] && job.running[queue]->seconds_left <= 0 ? 1 : 0;
        const LinkModel& link = request_.link;
        std::array<double, kQueues> rate = {0, link.out_bytes_per_second, link.in_bytes_per_second};
        const double both = link.in_bytes_per_second + link.out_bytes_per_second;
        const double share =
            active[kOut] > 0 && active[kIn] > 0 ? std::min(1.0, link.total_bytes_per_second / both) : 1;
        for (const std::size_t queue : {kOut, kIn})
            rate[queue] *= share / std::max(1, active[queue]);
        return rate;
    }

    static double seconds_to_change(const Running& running, double rate) {
        if (running.seconds_left > 0) return running.seconds_left;
        return running.bytes_left > 0 ? running.bytes_left / rate : 0;
    }

    double next_event() const {
        const auto rate = rates();
        double next = kEver;
        for (const Job& job : jobs_) {
            if (job.phase == Phase::kAbsent) next = std::min(next, job.request->arrival_seconds - now_);
            for (std::size_t queue = 0; queue < kQueues; ++queue)
                if (job.running[queue]) next = std::min(next, seconds_to_change(*job.running[queue], rate[queue]));
        }
        return next;
    }

    void advance(double seconds) {
        const auto rate = rates();
        std::array<bool, kQueues> busy = {};
        const double then = now_ + seconds;
        for (Job& job : jobs_) {
            if (const auto cause = stall_cause(job))
                job.times.stall_seconds[static_cast<std::size_t>(*cause)] += seconds;
            for (std::size_t queue = 0; queue < kQueues; ++queue) {
                if (!job.running[queue]) continue;
                busy[queue] = true;
                job.times.busy_seconds[queue] += seconds;
            }
        }
        for (std::size_t queue = 0; queue < kQueues; ++queue)
            if (busy[queue]) result_.busy_seconds[queue] += seconds;
        const double before = now_;
        now_ = then;
        for (Job& job : jobs_) {
            if (job.phase == Phase::kAbsent && job.request->arrival_seconds - before <= seconds)
                now_ = std::max(now_, job.request->arrival_seconds);
            for (std::size_t queue = 0; queue < kQueues; ++queue) {
                if (!job.running[queue]) continue;
                Running& running = *job.running[queue];
                // What ends now was the minimum, computed the same way: the comparison is exact.
                const bool changes = seconds_to_change(running, rate[queue]) <= seconds;
                if (running.seconds_left > 0)
                    running.seconds_left = changes ? 0 : running.seconds_left - seconds;
                else
                    running.bytes_left = changes ? 0 : running.bytes_left - rate[queue] * seconds;
                if (running.seconds_left <= 0 && running.bytes_left <= 0) complete(job, queue);
            }
        }
    }

    std::optional<StallCause> stall_cause(const Job& job) const {
        switch (job.phase) {
        case Phase::kAdmission:
        case Phase::kState:
        case Phase::kRegion:
            return StallCause::kPool;
        case Phase::kFeed:
        case Phase::kDrain:
            if (!job.has_next_step()) return std::nullopt;
            return StallCause::kCopyOut;
        case Phase::kStep: {
            if (job.running[kOps]) return std::nullopt;
            const auto obstacle = job.obstacle(kOps);
            if (!obstacle) return StallCause::kCopyIn;  // ops are over, copies in are not
            if (*obstacle < 0) return StallCause::kTurn;
            const ActionKind kind = job.queued().source->plan->actions[at(*obstacle)].kind;
            return kind == ActionKind::kCopyIn ? StallCause::kCopyIn : StallCause::kCopyOut;
        }
        default:
            return std::nullopt;
        }
    }

    void note_memory() {
        if (!request_.with_timeline) return;
        std::uint64_t bytes = 0;
        for (const Job& job : jobs_)
            if (job.phase != Phase::kGone && job.phase != Phase::kAbsent) bytes += job.open_places[job.plan]->bytes();
        if (!result_.memory.empty() && result_.memory.back().seconds == now_)
            result_.memory.back().bytes = bytes;
        else
            result_.memory.push_back({now_, bytes});
    }

    const ClockRequest& request_;
    std::vector<Job> jobs_;
    double now_ = 0;
    std::uint64_t reserved_ = 0;
    std::vector<const Job*> present_;  // admitted and not gone
    std::deque<Job*> admissions_;      // in order of arrival
    std::deque<Claim> line_;           // claims on the pool, in order
    std::deque<Job*> turns_;           // the first one holds the device
    ClockResult result_;
};

}  // namespace

ClockResult run_clock(const ClockRequest& request) {
    return Clock(request).run();
}

ClockResult run_clock_alone(const LoweredProgram& program, const Plan& plan, std::span<const double> op_seconds,
                            const LinkModel& link, int steps, bool with_timeline) {
    ClockJob job;
    job.cycle.push_back({&program, &plan, {op_seconds.begin(), op_seconds.end()}});
    job.steps = steps;
    return run_clock({{&job, 1}, link, plan.extent_bytes, with_timeline});
}

}  // namespace tensile
