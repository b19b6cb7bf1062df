// Runs a plan with ops in the order of the list on the caller's thread and copies on the lanes (memory/copy_lanes.h).
//
// Who triggers what. The caller's thread announces the execution, then goes through the ops: it waits for the copies
// that an op names, sets the addresses that have changed, launches, and tells the lanes of those ops that a copy waits
// for, once they are complete. The lanes begin every copy by themselves. Runs on any device; on an asynchronous one the
// host waits wherever a copy waits for an op.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "runtime/compiled_plan.h"
#include "runtime/plan_executor.h"

namespace tensile {

class LanePlanExecutor final : public PlanExecutor {
  public:
    // `plan` and `binding` outlive the executor; the store and the lanes too.
    LanePlanExecutor(const LoweredProgram& program, const Plan& plan, Binding& binding, const ExtentParts& parts,
                     const HostCopies& copies, bool is_synchronous);
    ~LanePlanExecutor() override;

    LaunchStatus wait_for_feed(const StopFlag* stop) override;
    LaunchStatus run(Stream& stream, const LaunchContext& context, const OpTimes& times,
                     const InstanceStaging* staging) override;
    LaunchStatus drain(const StopFlag* stop) override { return queues_->drain(stop); }
    void cancel() noexcept override { queues_->cancel(); }
    void set_step_region(std::byte* step) override;
    MoveCounters counters() const noexcept override;

  private:
    class CancelUnlessDone;

    void apply(std::size_t begin, std::size_t end);
    LaunchStatus wait_for_copies(const CompiledPlan::Step& step, const StopFlag* stop);
    LaunchStatus launch(Stream& stream, const CompiledPlan::Step& step, const LaunchContext& context,
                        const OpTimes& times);

    const Plan& plan_;
    Binding& binding_;
    ExtentParts parts_;
    const CompiledPlan compiled_;
    std::unique_ptr<CopyQueues> queues_;
    const bool is_synchronous_;                 // the device
    std::atomic<double> recompute_seconds_{0};  // written by the running thread only
    std::atomic<double> stall_seconds_{0};
};

}  // namespace tensile
