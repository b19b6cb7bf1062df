// Compiling a plan into steps and copies, and running them; see plan_executor.h.
#include "runtime/plan_executor.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "tensor/error.h"

namespace tensile {

namespace {

using Clock = std::chrono::steady_clock;

std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

// Tensors with places at different offsets: those whose address changes during a run.
std::vector<bool> travelling_tensors(const LoweredProgram& program, const Plan& plan) {
    std::vector<bool> travels(program.tensors.size());
    std::vector<std::uint64_t> seen(program.tensors.size(), kNoOffset);
    for (const Place& place : plan.places) {
        std::uint64_t& offset = seen[at(place.tensor)];
        if (offset != kNoOffset && offset != place.offset) travels[at(place.tensor)] = true;
        offset = place.offset;
    }
    return travels;
}

// The seconds that `body` takes are added to `total`, which this thread alone writes.
template <typename Body>
LaunchStatus timed(std::atomic<double>& total, const Body& body) {
    const auto begin = Clock::now();
    const LaunchStatus status = body();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    total.store(total.load(std::memory_order_relaxed) + seconds, std::memory_order_relaxed);
    return status;
}

}  // namespace

MoveCounters& MoveCounters::operator+=(const MoveCounters& other) {
    out_bytes += other.out_bytes;
    in_bytes += other.in_bytes;
    recompute_seconds += other.recompute_seconds;
    stall_seconds += other.stall_seconds;
    return *this;
}

std::vector<bool> copied_tensors(const LoweredProgram& program, const Plan& plan) {
    std::vector<bool> copied(program.tensors.size());
    for (const Action& action : plan.actions)
        if (action.kind != ActionKind::kRun) copied[at(plan.places[at(action.subject)].tensor)] = true;
    return copied;
}

// Ends a run that does not complete.
class PlanExecutor::CancelUnlessDone {
  public:
    CancelUnlessDone(CopyQueues& queues, Stream& stream) : queues_(queues), stream_(stream) {}
    ~CancelUnlessDone() {
        if (is_done_) return;
        queues_.cancel();
        stream_.synchronize();
    }
    CancelUnlessDone(const CancelUnlessDone&) = delete;
    CancelUnlessDone& operator=(const CancelUnlessDone&) = delete;
    void done() { is_done_ = true; }

  private:
    CopyQueues& queues_;
    Stream& stream_;
    bool is_done_ = false;
};

PlanExecutor::PlanExecutor(const LoweredProgram& program, const Plan& plan, Binding& binding, const ExtentParts& parts,
                           const HostCopies& copies)
    : plan_(plan), binding_(binding), parts_(parts) {
    compile(program, copies);
}

// The counters that stand for a list of waits.
QueueCounts PlanExecutor::counts(const std::vector<std::int32_t>& waits) const {
    QueueCounts counts{};
    for (const std::int32_t action : waits) {
        std::uint32_t& count = counts[queue_of(plan_.actions[at(action)].kind)];
        count = std::max(count, position_[at(action)]);
    }
    return counts;
}

void PlanExecutor::compile(const LoweredProgram& program, const HostCopies& copies) {
    QueueCounts length{};
    for (const Action& action : plan_.actions)
        position_.push_back(++length[queue_of(action.kind)]);
    const std::vector<bool> travels = travelling_tensors(program, plan_);
    const auto move_to = [&](std::int32_t index) {
        const Place& place = plan_.places[at(index)];
        if (travels[at(place.tensor)]) moves_.push_back({place.tensor, place.offset});
    };
    for (const std::int32_t place : plan_.initial_places)
        move_to(place);
    initial_moves_ = moves_.size();

    std::array<std::vector<CopyTask>, kCopyDirections> tasks;
    std::vector<bool> ran(program.ops.size());
    std::set<std::uint32_t> awaited;
    for (const Action& action : plan_.actions) {
        if (action.kind == ActionKind::kRun) {
            for (const std::int32_t place : action.opens)
                move_to(place);
            Step step{action.subject, ran[at(action.subject)], false,
                      moves_.size(),  counts(action.waits),    counts(action.previous_waits)};
            ran[at(action.subject)] = true;
            steps_.push_back(step);
            continue;
        }
        // The place is the tensor's latest for all ops behind it in the list.
        if (action.kind == ActionKind::kCopyIn) move_to(action.subject);
        const Place& place = plan_.places[at(action.subject)];
        const std::uint64_t host_offset = copies.offsets.at(at(place.tensor));
        if (host_offset == kNoOffset)
            throw InternalError("tensor \"" + program.tensors[at(place.tensor)].name + "\" of program \"" +
                                program.name + "\" is copied but has no place in the host store");
        const std::size_t direction =
            static_cast<std::size_t>(action.kind == ActionKind::kCopyOut ? CopyDirection::kOut : CopyDirection::kIn);
        const CopyTask task{parts_.address(plan_, place.offset), host_offset,
                            aligned_size(program.tensors[at(place.tensor)].bytes, kCopyAlignment), counts(action.waits),
                            counts(action.previous_waits)};
        awaited.insert(task.after[queue_of(ActionKind::kRun)]);
        tasks[direction].push_back(task);
        copies_[direction].push_back({place.offset});
    }
    for (const std::uint32_t count : awaited)
        if (count > 0) steps_[count - 1].is_awaited = true;
    feed_after_ = counts(plan_.feed_waits);
    HostStore& store = copies.store == nullptr ? no_host_store() : *copies.store;
    queues_ = std::make_unique<CopyQueues>(*copies.lanes, store, static_cast<std::uint32_t>(steps_.size()),
                                           std::move(tasks[0]), std::move(tasks[1]));
}

LaunchStatus PlanExecutor::wait_for_feed(const StopFlag* stop) {
    // The execution that these waits name is the latest that has begun.
    const std::uint32_t count = feed_after_[queue_of(ActionKind::kCopyOut)];
    if (queues_->is_complete(CopyDirection::kOut, count)) return LaunchStatus::kCompleted;
    return timed(stall_seconds_, [&] { return queues_->wait(CopyDirection::kOut, count, stop); });
}

void PlanExecutor::apply(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
        binding_.set_address(moves_[i].tensor, parts_.address(plan_, moves_[i].offset));
}

LaunchStatus PlanExecutor::wait_for_copies(const Step& step, const StopFlag* stop) {
    constexpr std::size_t kOutQueue = queue_of(ActionKind::kCopyOut);
    constexpr std::size_t kInQueue = queue_of(ActionKind::kCopyIn);
    const auto wait = [&](CopyDirection direction, std::uint32_t count, std::uint32_t previous) {
        if (queues_->is_complete(direction, count) && queues_->is_previous_complete(direction, previous))
            return LaunchStatus::kCompleted;
        return timed(stall_seconds_, [&] {
            const LaunchStatus status = queues_->wait_previous(direction, previous, stop);
            return status == LaunchStatus::kStopped ? status : queues_->wait(direction, count, stop);
        });
    };
    if (wait(CopyDirection::kOut, step.after[kOutQueue], step.after_previous[kOutQueue]) == LaunchStatus::kStopped)
        return LaunchStatus::kStopped;
    return wait(CopyDirection::kIn, step.after[kInQueue], step.after_previous[kInQueue]);
}

LaunchStatus PlanExecutor::launch(Stream& stream, const Step& step, const LaunchContext& context,
                                  const OpTimes& times) {
    const auto launch = [&] { return stream.launch(binding_, step.op, context); };
    if (!step.is_repeated) return times.time(step.op, launch);
    return timed(recompute_seconds_, launch);
}

LaunchStatus PlanExecutor::run(Stream& stream, const LaunchContext& context, const OpTimes& times) {
    CancelUnlessDone guard(*queues_, stream);
    queues_->begin_execution();
    apply(0, initial_moves_);
    std::size_t moved = initial_moves_;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const Step& step = steps_[i];
        apply(moved, step.moves_end);
        moved = step.moves_end;
        if (wait_for_copies(step, context.stop) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
        if (launch(stream, step, context, times) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
        if (!step.is_awaited) continue;
        stream.synchronize();
        queues_->complete_ops(static_cast<std::uint32_t>(i + 1));
    }
    stream.synchronize();
    queues_->complete_ops(static_cast<std::uint32_t>(steps_.size()));
    const auto copies_in = static_cast<std::uint32_t>(copies_[static_cast<std::size_t>(CopyDirection::kIn)].size());
    if (!queues_->is_complete(CopyDirection::kIn, copies_in) &&
        timed(stall_seconds_, [&] { return queues_->wait(CopyDirection::kIn, copies_in, context.stop); }) ==
            LaunchStatus::kStopped)
        return LaunchStatus::kStopped;
    guard.done();
    return LaunchStatus::kCompleted;
}

void PlanExecutor::set_step_region(std::byte* step) {
    parts_.step = step;
    for (const CopyDirection direction : {CopyDirection::kOut, CopyDirection::kIn}) {
        const std::vector<Copy>& copies = copies_[static_cast<std::size_t>(direction)];
        for (std::size_t i = 0; i < copies.size(); ++i)
            queues_->task(direction, i).device = parts_.address(plan_, copies[i].offset);
    }
}

MoveCounters PlanExecutor::counters() const noexcept {
    const CopyCounters copied = queues_->counters();
    return {copied.out_bytes, copied.in_bytes, recompute_seconds_.load(std::memory_order_relaxed),
            stall_seconds_.load(std::memory_order_relaxed)};
}

}  // namespace tensile
