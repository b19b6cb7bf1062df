// Runs a plan on an asynchronous device whose host copies lie in the pinned arena: one host thread enqueues ops and
// copies on three streams, and events between the streams stand for the plan's waits. The host waits for nothing but
// the end of the run, or to keep its distance.
//
// Order. Each stream gets the actions of its queue in the order of the plan. Where an action waits for one of another
// queue, that one's event, recorded right behind it, is waited for by the stream; a wait that an earlier action of the
// same queue has done already is left out. An event has two copies, used by turns, so that an action can wait for the
// execution before while the present one records. Inputs are copied in on the compute stream, behind the copies out
// that the plan's feed waits for; copies out begin behind them. At the end the compute stream waits for the copies in,
// and outputs are copied out.
//
// Distance. The thread enqueues an action as soon as all that it waits for is enqueued and not too much is under way:
// of ops the compute stream sees to that (device.h), of copies a window a direction (copy_window.h). In between it
// reads the stop flag.
//
// Stalls and recomputation are measured by events of the compute stream around its waits and around repeated ops.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "memory/device_bridge.h"
#include "runtime/compiled_plan.h"
#include "runtime/copy_window.h"
#include "runtime/plan_executor.h"

namespace tensile {

class EventPlanExecutor final : public PlanExecutor {
  public:
    // `plan` and `binding` outlive the executor; the store, which lies in the arena if there is one, and the bridge
    // too.
    EventPlanExecutor(const LoweredProgram& program, const Plan& plan, Binding& binding, const ExtentParts& parts,
                      const HostCopies& copies, DeviceBridge& bridge);
    ~EventPlanExecutor() override;

    // Inputs are staged, so there is nothing to wait for.
    LaunchStatus wait_for_feed(const StopFlag*) override { return LaunchStatus::kCompleted; }
    LaunchStatus run(Stream& stream, const LaunchContext& context, const OpTimes& times,
                     const InstanceStaging* staging) override;
    LaunchStatus drain(const StopFlag* stop) override;
    void cancel() noexcept override;
    void set_step_region(std::byte* step) override;
    MoveCounters counters() const noexcept override;

  private:
    static constexpr std::int32_t kNone = -1;

    // What an action of a queue waits for and leaves behind.
    struct Links {
        // By queue: the last action, from 1, whose event the stream waits for; 0: none.
        QueueCounts waits{};
        QueueCounts previous_waits{};
        std::int32_t event = kNone;  // recorded behind the action
    };
    // Of steps: what is measured.
    struct Spans {
        std::int32_t stall = kNone;
        std::int32_t repeat_begin = kNone;
        std::int32_t repeat_end = kNone;
    };
    struct Span {
        std::unique_ptr<Event> begin;
        std::unique_ptr<Event> end;
        bool is_stall = false;
    };
    struct EventPair {
        std::array<std::unique_ptr<Event>, 2> events;  // by parity of the execution
    };
    class CancelUnlessDone;
    class Progress;

    std::size_t length(std::size_t queue) const;
    const QueueCounts& after(std::size_t queue, std::size_t index) const;
    const QueueCounts& after_previous(std::size_t queue, std::size_t index) const;
    void link(std::size_t queue);
    void await(std::size_t queue, std::uint32_t count);
    void make_spans();
    std::int32_t add_span(bool is_stall);

    Event& event_of(std::size_t queue, std::uint32_t count, std::uint64_t execution);
    void wait(Stream& stream, const QueueCounts& counts, std::uint64_t execution);
    void enqueue_waits(Stream& stream, const Links& links);
    void enqueue_inputs(Stream& stream, const InstanceStaging* staging);
    LaunchStatus enqueue_step(Stream& stream, std::size_t index, const LaunchContext& context, const OpTimes& times);
    void enqueue_copy(CopyDirection direction, std::size_t index);
    LaunchStatus enqueue_all(Stream& stream, const LaunchContext& context, const OpTimes& times);
    void add_up_spans();
    void apply(std::size_t begin, std::size_t end);

    const Plan& plan_;
    Binding& binding_;
    ExtentParts parts_;
    DeviceBridge& bridge_;
    std::byte* const host_;
    const CompiledPlan compiled_;
    std::array<std::vector<Links>, kQueues> links_;
    std::vector<Spans> step_spans_;
    std::vector<Span> spans_;
    std::int32_t feed_span_ = kNone;
    std::int32_t end_span_ = kNone;
    std::vector<EventPair> events_;
    std::unique_ptr<Event> fed_;
    std::unique_ptr<Event> copied_in_;
    std::array<CopyWindow, kCopyDirections> windows_;
    std::mutex draining_;  // the owner may give up the copies while another user of the step region waits for them
    std::uint64_t executions_ = 0;  // begun
    bool is_canceled_ = false;
    std::array<std::atomic<std::uint64_t>, kCopyDirections> bytes_{};
    std::atomic<double> recompute_seconds_{0};  // written by the running thread only
    std::atomic<double> stall_seconds_{0};
};

}  // namespace tensile
