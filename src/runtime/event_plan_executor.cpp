// Linking the three queues by events, and enqueuing them; see event_plan_executor.h.
#include "runtime/event_plan_executor.h"

#include <algorithm>
#include <utility>

#include "runtime/finish_guard.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::size_t kRunQueue = queue_of(ActionKind::kRun);
constexpr std::size_t kOutQueue = queue_of(ActionKind::kCopyOut);
constexpr std::size_t kInQueue = queue_of(ActionKind::kCopyIn);

std::size_t index_of(CopyDirection direction) {
    return static_cast<std::size_t>(direction);
}

std::size_t queue_for(CopyDirection direction) {
    return direction == CopyDirection::kOut ? kOutQueue : kInQueue;
}

CopyDirection direction_of(std::size_t queue) {
    return queue == kOutQueue ? CopyDirection::kOut : CopyDirection::kIn;
}

bool is_any(const QueueCounts& counts) {
    return std::ranges::any_of(counts, [](std::uint32_t count) { return count > 0; });
}

void add(std::atomic<double>& total, double seconds) {
    total.store(total.load(std::memory_order_relaxed) + seconds, std::memory_order_relaxed);
}

}  // namespace

// Ends a run that does not complete.
class EventPlanExecutor::CancelUnlessDone {
  public:
    CancelUnlessDone(EventPlanExecutor& executor, Stream& stream) : executor_(executor), stream_(stream) {}
    ~CancelUnlessDone() {
        if (is_done_) return;
        finish(stream_);
        // Also what no window knows, because it failed in between.
        finish(executor_.bridge_.stream(CopyDirection::kOut));
        finish(executor_.bridge_.stream(CopyDirection::kIn));
        executor_.cancel();
    }
    CancelUnlessDone(const CancelUnlessDone&) = delete;
    CancelUnlessDone& operator=(const CancelUnlessDone&) = delete;
    void done() { is_done_ = true; }

  private:
    EventPlanExecutor& executor_;
    Stream& stream_;
    bool is_done_ = false;
};

EventPlanExecutor::EventPlanExecutor(const LoweredProgram& program, const Plan& plan, Binding& binding,
                                     const ExtentParts& parts, const HostCopies& copies, DeviceBridge& bridge)
    : plan_(plan),
      binding_(binding),
      parts_(parts),
      bridge_(bridge),
      host_(copies.store == nullptr ? nullptr : copies.store->memory()),
      compiled_(compile_plan(program, plan, copies.offsets)),
      fed_(bridge.device().create_event()),
      copied_in_(bridge.device().create_event()),
      windows_{CopyWindow(bridge.device()), CopyWindow(bridge.device())} {
    for (const std::vector<CompiledPlan::Copy>& direction : compiled_.copies)
        for (const CompiledPlan::Copy& copy : direction)
            if (host_ == nullptr || copy.host_offset > copies.store->bytes() ||
                copy.bytes > copies.store->bytes() - copy.host_offset)
                throw InternalError("a copy lies outside its host store");
    for (const std::size_t queue : {kRunQueue, kOutQueue, kInQueue})
        links_[queue].resize(length(queue));
    for (const std::size_t queue : {kRunQueue, kOutQueue, kInQueue})
        link(queue);
    await(kOutQueue, compiled_.feed_after[kOutQueue]);
    make_spans();
}

EventPlanExecutor::~EventPlanExecutor() {
    cancel();
}

std::size_t EventPlanExecutor::length(std::size_t queue) const {
    return queue == kRunQueue ? compiled_.steps.size() : compiled_.copies_of(direction_of(queue)).size();
}

const QueueCounts& EventPlanExecutor::after(std::size_t queue, std::size_t index) const {
    return queue == kRunQueue ? compiled_.steps[index].after : compiled_.copies_of(direction_of(queue))[index].after;
}

const QueueCounts& EventPlanExecutor::after_previous(std::size_t queue, std::size_t index) const {
    return queue == kRunQueue ? compiled_.steps[index].after_previous
                              : compiled_.copies_of(direction_of(queue))[index].after_previous;
}

// Which waits of a queue need an event: those for more than its earlier actions have waited for. Of the previous
// execution only copies out can be under way.
void EventPlanExecutor::link(std::size_t queue) {
    QueueCounts waited{};
    std::uint32_t waited_previous = 0;
    for (std::size_t i = 0; i < length(queue); ++i) {
        Links& links = links_[queue][i];
        for (const std::size_t other : {kRunQueue, kOutQueue, kInQueue}) {
            const std::uint32_t count = after(queue, i)[other];
            if (other == queue || count <= waited[other]) continue;
            links.waits[other] = waited[other] = count;
            await(other, count);
        }
        const std::uint32_t previous = after_previous(queue, i)[kOutQueue];
        if (queue == kOutQueue || previous <= waited_previous) continue;
        links.previous_waits[kOutQueue] = waited_previous = previous;
        await(kOutQueue, previous);
    }
}

void EventPlanExecutor::await(std::size_t queue, std::uint32_t count) {
    if (count == 0) return;
    Links& links = links_[queue][count - 1];
    if (links.event != kNone) return;
    links.event = static_cast<std::int32_t>(events_.size());
    events_.push_back({{bridge_.device().create_event(), bridge_.device().create_event()}});
}

std::int32_t EventPlanExecutor::add_span(bool is_stall) {
    spans_.push_back({bridge_.device().create_event(), bridge_.device().create_event(), is_stall});
    return static_cast<std::int32_t>(spans_.size() - 1);
}

// Repeated ops in a row without a wait between them are one span.
void EventPlanExecutor::make_spans() {
    if (compiled_.feed_after[kOutQueue] > 0) feed_span_ = add_span(true);
    step_spans_.resize(compiled_.steps.size());
    for (std::size_t i = 0; i < compiled_.steps.size(); ++i) {
        const Links& links = links_[kRunQueue][i];
        if (is_any(links.waits) || is_any(links.previous_waits)) step_spans_[i].stall = add_span(true);
        if (!compiled_.steps[i].is_repeated) continue;
        if (i > 0 && step_spans_[i].stall == kNone && step_spans_[i - 1].repeat_end != kNone)
            step_spans_[i].repeat_end = std::exchange(step_spans_[i - 1].repeat_end, kNone);
        else
            step_spans_[i].repeat_begin = step_spans_[i].repeat_end = add_span(false);
    }
    if (!compiled_.copies_of(CopyDirection::kIn).empty()) end_span_ = add_span(true);
}

// Of the copy of the event that `execution` records.
Event& EventPlanExecutor::event_of(std::size_t queue, std::uint32_t count, std::uint64_t execution) {
    const std::int32_t event = links_[queue][count - 1].event;
    return *events_[static_cast<std::size_t>(event)].events[execution % 2];
}

void EventPlanExecutor::wait(Stream& stream, const QueueCounts& counts, std::uint64_t execution) {
    for (std::size_t queue = 0; queue < kQueues; ++queue)
        if (counts[queue] > 0) stream.wait_for(event_of(queue, counts[queue], execution));
}

void EventPlanExecutor::enqueue_waits(Stream& stream, const Links& links) {
    wait(stream, links.previous_waits, executions_ - 1);
    wait(stream, links.waits, executions_);
}

void EventPlanExecutor::enqueue_inputs(Stream& stream, const InstanceStaging* staging) {
    if (feed_span_ != kNone) {
        const Span& span = spans_[static_cast<std::size_t>(feed_span_)];
        stream.record(*span.begin);
        stream.wait_for(event_of(kOutQueue, compiled_.feed_after[kOutQueue], executions_ - 1));
        stream.record(*span.end);
    }
    if (staging != nullptr) staging->copy_inputs(stream);
    if (compiled_.copies_of(CopyDirection::kOut).empty()) return;
    stream.record(*fed_);
    bridge_.stream(CopyDirection::kOut).wait_for(*fed_);
}

void EventPlanExecutor::apply(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
        binding_.set_address(compiled_.moves[i].tensor, parts_.address(plan_, compiled_.moves[i].offset));
}

LaunchStatus EventPlanExecutor::enqueue_step(Stream& stream, std::size_t index, const LaunchContext& context,
                                             const OpTimes& times) {
    const CompiledPlan::Step& step = compiled_.steps[index];
    const Spans& spans = step_spans_[index];
    const Links& links = links_[kRunQueue][index];
    const auto record = [&](std::int32_t span, std::unique_ptr<Event> Span::*side) {
        if (span != kNone) stream.record(*(spans_[static_cast<std::size_t>(span)].*side));
    };
    apply(index == 0 ? compiled_.initial_moves : compiled_.steps[index - 1].moves_end, step.moves_end);
    record(spans.stall, &Span::begin);
    enqueue_waits(stream, links);
    record(spans.stall, &Span::end);
    record(spans.repeat_begin, &Span::begin);
    const auto launch = [&] { return stream.launch(binding_, step.op, context); };
    const LaunchStatus status = step.is_repeated ? launch() : times.time(step.op, stream, launch);
    record(spans.repeat_end, &Span::end);
    if (links.event != kNone) stream.record(event_of(kRunQueue, static_cast<std::uint32_t>(index + 1), executions_));
    return status;
}

void EventPlanExecutor::enqueue_copy(CopyDirection direction, std::size_t index) {
    const CompiledPlan::Copy& copy = compiled_.copies_of(direction)[index];
    const std::size_t queue = queue_for(direction);
    const Links& links = links_[queue][index];
    Stream& stream = bridge_.stream(direction);
    enqueue_waits(stream, links);
    std::byte* const device = parts_.address(plan_, copy.offset);
    std::byte* const host = host_ + copy.host_offset;
    if (direction == CopyDirection::kOut)
        stream.copy(host, device, copy.bytes);
    else
        stream.copy(device, host, copy.bytes);
    if (links.event != kNone) stream.record(event_of(queue, static_cast<std::uint32_t>(index + 1), executions_));
    windows_[index_of(direction)].enqueued(stream, copy.bytes);
    bytes_[index_of(direction)].fetch_add(copy.bytes, std::memory_order_relaxed);
    bridge_.count(direction, copy.bytes);
}

// The next action of a queue can be enqueued when all that it waits for is. The first in the order of the list that is
// not enqueued always can, unless it is a copy whose window is full; so there is always a window to wait for.
class EventPlanExecutor::Progress {
  public:
    explicit Progress(EventPlanExecutor& executor) : executor_(executor) {}

    bool is_complete() const {
        for (std::size_t queue = 0; queue < kQueues; ++queue)
            if (enqueued_[queue] < executor_.length(queue)) return false;
        return true;
    }
    bool is_ready(std::size_t queue) const {
        if (enqueued_[queue] == executor_.length(queue)) return false;
        const QueueCounts& after = executor_.after(queue, enqueued_[queue]);
        for (std::size_t other = 0; other < kQueues; ++other)
            if (enqueued_[other] < after[other]) return false;
        return true;
    }
    // As many as are ready and have room.
    bool enqueue_copies(CopyDirection direction) {
        const std::size_t queue = queue_for(direction);
        const std::uint32_t before = enqueued_[queue];
        while (is_ready(queue) && has_room(direction))
            executor_.enqueue_copy(direction, enqueued_[queue]++);
        return enqueued_[queue] > before;
    }
    std::uint32_t next_step() { return enqueued_[kRunQueue]++; }
    void wait_for_room() {
        for (const CopyDirection direction : {CopyDirection::kOut, CopyDirection::kIn})
            if (is_ready(queue_for(direction))) return executor_.windows_[index_of(direction)].wait_for_one();
        throw InternalError("the actions of a plan wait for each other");
    }

  private:
    bool has_room(CopyDirection direction) {
        const std::uint64_t bytes = executor_.compiled_.copies_of(direction)[enqueued_[queue_for(direction)]].bytes;
        return executor_.windows_[index_of(direction)].has_room(bytes);
    }

    EventPlanExecutor& executor_;
    QueueCounts enqueued_{};
};

LaunchStatus EventPlanExecutor::enqueue_all(Stream& stream, const LaunchContext& context, const OpTimes& times) {
    Progress progress(*this);
    while (!progress.is_complete()) {
        if (context.stop != nullptr && context.stop->load(std::memory_order_relaxed)) return LaunchStatus::kStopped;
        const bool has_copied_out = progress.enqueue_copies(CopyDirection::kOut);
        const bool has_copied_in = progress.enqueue_copies(CopyDirection::kIn);
        if (progress.is_ready(kRunQueue)) {
            if (enqueue_step(stream, progress.next_step(), context, times) == LaunchStatus::kStopped)
                return LaunchStatus::kStopped;
        } else if (!has_copied_out && !has_copied_in) {
            progress.wait_for_room();
        }
    }
    return LaunchStatus::kCompleted;
}

LaunchStatus EventPlanExecutor::run(Stream& stream, const LaunchContext& context, const OpTimes& times,
                                    const InstanceStaging* staging) {
    if (is_canceled_) throw InternalError("a plan is run whose copies were canceled");
    CancelUnlessDone guard(*this, stream);
    ++executions_;
    enqueue_inputs(stream, staging);
    apply(0, compiled_.initial_moves);
    if (enqueue_all(stream, context, times) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
    if (end_span_ != kNone) {
        const Span& span = spans_[static_cast<std::size_t>(end_span_)];
        bridge_.stream(CopyDirection::kIn).record(*copied_in_);
        stream.record(*span.begin);
        stream.wait_for(*copied_in_);
        stream.record(*span.end);
    }
    if (staging != nullptr) staging->copy_outputs(stream, context.extents);
    stream.synchronize();
    add_up_spans();
    guard.done();
    return LaunchStatus::kCompleted;
}

void EventPlanExecutor::add_up_spans() {
    double stalled = 0;
    double repeated = 0;
    for (const Span& span : spans_)
        (span.is_stall ? stalled : repeated) += span.end->seconds_since(*span.begin);
    add(stall_seconds_, stalled);
    add(recompute_seconds_, repeated);
}

LaunchStatus EventPlanExecutor::drain(const StopFlag* stop) {
    const std::scoped_lock lock(draining_);
    if (is_canceled_) throw InternalError("copies are waited for that were canceled");
    for (CopyWindow& window : windows_)
        while (!window.is_empty()) {
            if (stop != nullptr && stop->load(std::memory_order_relaxed)) return LaunchStatus::kStopped;
            window.wait_for_one();
        }
    return LaunchStatus::kCompleted;
}

void EventPlanExecutor::cancel() noexcept {
    const std::scoped_lock lock(draining_);
    is_canceled_ = true;
    try {
        for (CopyWindow& window : windows_)
            while (!window.is_empty())
                window.wait_for_one();
    } catch (...) {
        // A device that has failed copies nothing any more.
    }
}

void EventPlanExecutor::set_step_region(std::byte* step) {
    for (CopyWindow& window : windows_)
        if (!window.is_empty()) throw InternalError("the place of a tensor changes while it is copied");
    parts_.step = step;
}

MoveCounters EventPlanExecutor::counters() const noexcept {
    return {bytes_[index_of(CopyDirection::kOut)].load(std::memory_order_relaxed),
            bytes_[index_of(CopyDirection::kIn)].load(std::memory_order_relaxed),
            recompute_seconds_.load(std::memory_order_relaxed), stall_seconds_.load(std::memory_order_relaxed)};
}

}  // namespace tensile
