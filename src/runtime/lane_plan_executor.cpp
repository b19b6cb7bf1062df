// See lane_plan_executor.h.
#include "runtime/lane_plan_executor.h"

#include <chrono>
#include <utility>

#include "runtime/finish_guard.h"

namespace tensile {

namespace {

using Clock = std::chrono::steady_clock;

// The seconds that `body` takes are added to `total`, which this thread alone writes.
template <typename Body>
LaunchStatus timed(std::atomic<double>& total, const Body& body) {
    const auto begin = Clock::now();
    const LaunchStatus status = body();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    total.store(total.load(std::memory_order_relaxed) + seconds, std::memory_order_relaxed);
    return status;
}

std::vector<CopyTask> tasks_of(const std::vector<CompiledPlan::Copy>& copies, const Plan& plan,
                               const ExtentParts& parts) {
    std::vector<CopyTask> tasks;
    for (const CompiledPlan::Copy& copy : copies)
        tasks.push_back(
            {parts.address(plan, copy.offset), copy.host_offset, copy.bytes, copy.after, copy.after_previous});
    return tasks;
}

}  // namespace

// Ends a run that does not complete.
class LanePlanExecutor::CancelUnlessDone {
  public:
    CancelUnlessDone(CopyQueues& queues, Stream& stream) : queues_(queues), stream_(stream) {}
    ~CancelUnlessDone() {
        if (is_done_) return;
        queues_.cancel();
        finish(stream_);
    }
    CancelUnlessDone(const CancelUnlessDone&) = delete;
    CancelUnlessDone& operator=(const CancelUnlessDone&) = delete;
    void done() { is_done_ = true; }

  private:
    CopyQueues& queues_;
    Stream& stream_;
    bool is_done_ = false;
};

LanePlanExecutor::LanePlanExecutor(const LoweredProgram& program, const Plan& plan, Binding& binding,
                                   const ExtentParts& parts, const HostCopies& copies, bool is_synchronous)
    : plan_(plan),
      binding_(binding),
      parts_(parts),
      compiled_(compile_plan(program, plan, copies.offsets)),
      is_synchronous_(is_synchronous) {
    HostStore& store = copies.store == nullptr ? no_host_store() : *copies.store;
    queues_ = std::make_unique<CopyQueues>(*copies.lanes, store, static_cast<std::uint32_t>(compiled_.steps.size()),
                                           tasks_of(compiled_.copies_of(CopyDirection::kOut), plan_, parts_),
                                           tasks_of(compiled_.copies_of(CopyDirection::kIn), plan_, parts_));
}

LanePlanExecutor::~LanePlanExecutor() = default;

LaunchStatus LanePlanExecutor::wait_for_feed(const StopFlag* stop) {
    // The execution that these waits name is the latest that has begun.
    const std::uint32_t count = compiled_.feed_after[queue_of(ActionKind::kCopyOut)];
    if (queues_->is_complete(CopyDirection::kOut, count)) return LaunchStatus::kCompleted;
    return timed(stall_seconds_, [&] { return queues_->wait(CopyDirection::kOut, count, stop); });
}

void LanePlanExecutor::apply(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
        binding_.set_address(compiled_.moves[i].tensor, parts_.address(plan_, compiled_.moves[i].offset));
}

LaunchStatus LanePlanExecutor::wait_for_copies(const CompiledPlan::Step& step, const StopFlag* stop) {
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

LaunchStatus LanePlanExecutor::launch(Stream& stream, const CompiledPlan::Step& step, const LaunchContext& context,
                                      const OpTimes& times) {
    const auto launch = [&] { return stream.launch(binding_, step.op, context); };
    if (!step.is_repeated) return times.time(step.op, stream, launch);
    return timed(recompute_seconds_, [&] {
        const LaunchStatus status = launch();
        // Else its time would be that of enqueuing it.
        if (!is_synchronous_) stream.synchronize();
        return status;
    });
}

LaunchStatus LanePlanExecutor::run(Stream& stream, const LaunchContext& context, const OpTimes& times,
                                   const InstanceStaging* staging) {
    CancelUnlessDone guard(*queues_, stream);
    if (staging != nullptr) {
        if (wait_for_feed(context.stop) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
        staging->copy_inputs(stream);
        // Lanes may copy inputs as soon as the execution begins.
        stream.synchronize();
    }
    queues_->begin_execution();
    apply(0, compiled_.initial_moves);
    std::size_t moved = compiled_.initial_moves;
    for (std::size_t i = 0; i < compiled_.steps.size(); ++i) {
        const CompiledPlan::Step& step = compiled_.steps[i];
        apply(moved, step.moves_end);
        moved = step.moves_end;
        if (wait_for_copies(step, context.stop) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
        if (launch(stream, step, context, times) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
        if (!step.is_awaited) continue;
        stream.synchronize();
        queues_->complete_ops(static_cast<std::uint32_t>(i + 1));
    }
    stream.synchronize();
    queues_->complete_ops(static_cast<std::uint32_t>(compiled_.steps.size()));
    const auto copies_in = static_cast<std::uint32_t>(compiled_.copies_of(CopyDirection::kIn).size());
    if (!queues_->is_complete(CopyDirection::kIn, copies_in) &&
        timed(stall_seconds_, [&] { return queues_->wait(CopyDirection::kIn, copies_in, context.stop); }) ==
            LaunchStatus::kStopped)
        return LaunchStatus::kStopped;
    if (staging != nullptr) {
        staging->copy_outputs(stream, context.extents);
        stream.synchronize();
    }
    guard.done();
    return LaunchStatus::kCompleted;
}

void LanePlanExecutor::set_step_region(std::byte* step) {
    parts_.step = step;
    for (const CopyDirection direction : {CopyDirection::kOut, CopyDirection::kIn}) {
        const std::vector<CompiledPlan::Copy>& copies = compiled_.copies_of(direction);
        for (std::size_t i = 0; i < copies.size(); ++i)
            queues_->task(direction, i).device = parts_.address(plan_, copies[i].offset);
    }
}

MoveCounters LanePlanExecutor::counters() const noexcept {
    const CopyCounters copied = queues_->counters();
    return {copied.out_bytes, copied.in_bytes, recompute_seconds_.load(std::memory_order_relaxed),
            stall_seconds_.load(std::memory_order_relaxed)};
}

}  // namespace tensile
