// How a job gets its memory: in place when that fits, moving tensors when it does not, and in line when not even that
// is possible now.
//
// What a job holds is its state and a share in the step region. It never waits while it holds either, so jobs cannot
// block each other: what cannot be had at once is asked for as one extent, state and step region together, which is cut
// when it comes. In this order:
// 1. in place, with the step region that is there if it is large enough, otherwise with an own one;
// then, with programs lowered again into shorter ops between which tensors can move:
// 2. moving tensors, with the bytes that are free now;
// 3. in line for the least that the job can run with, which grows to what is free when its turn comes.
// A pool that is smaller than the least as a whole is an error that says what is needed. A plan that needs more spill
// space than there can be is none; where other jobs hold it, the job lets go of its bytes and waits for the space
// first.
//
// On an asynchronous device 2. and 3. are tried with host copies in the pinned arena before they are with a spill file,
// if the arena has room for all of them now: nobody waits for it. Nor does a job wait for bytes of the pool that only
// the arena's want of room makes it need, where spill files have more. Knows no sessions.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>

#include "device/device.h"
#include "memory/host_store.h"
#include "memory/pool_share.h"
#include "memory/spill_file.h"
#include "memory/step_region.h"
#include "memory/tensor_pool.h"
#include "runtime/arbiter.h"
#include "runtime/job_layout.h"
#include "runtime/job_memory.h"
#include "runtime/layout_planner.h"

namespace tensile {

// What a job has been given.
struct JobGrant {
    JobLayout layout;
    std::unique_ptr<HostStore> host;  // null when nothing is ever copied
    Extent state;
    StepRegion::Membership step;
    std::uint64_t planned_bytes = 0;  // of the pool, which there were when it was planned; the layout may use fewer
};

class JobAdmission {
  public:
    // All outlive the admission, and `user` the grant.
    JobAdmission(Arbiter& arbiter, JobMemory& memory, std::span<const JobProgram> programs,
                 std::span<const VariablePiece> pieces, StepRegion::User& user, const PoolOwner& owner,
                 const StopFlag* stop);

    // At most the share of the pool. The first try; nothing when it does not succeed.
    std::optional<JobGrant> admit_in_place(const JobLayout& in_place, const PoolShare& share);
    // The others; `in_place` is the layout of the shorter ops. Errors of TensorPool::acquire, SpillSpace::create and
    // PoolShare::require; 57014 when `stop` was set.
    JobGrant admit_moving(const JobLayout& in_place, std::optional<std::chrono::milliseconds> timeout,
                          const PoolShare& share);

  private:
    using Clock = std::chrono::steady_clock;

    bool try_shared_region(const JobLayout& layout);
    bool try_own_region(const JobLayout& layout);
    bool admit_pinned(const JobLayout& in_place, std::uint64_t limit);
    bool try_now(const JobLayout& layout) { return try_shared_region(layout) || try_own_region(layout); }
    bool try_moving(const LayoutPlanner& planner, std::uint64_t limit);
    bool wait_in_line(const LayoutPlanner& planner, const JobLayout& in_place, std::uint64_t least,
                      std::uint64_t limit);
    void settle(Extent extent, const JobLayout& layout);
    void measure_link();
    std::optional<std::chrono::milliseconds> timeout_left() const;

    Arbiter& arbiter_;
    JobMemory& memory_;
    std::span<const JobProgram> programs_;
    std::span<const VariablePiece> pieces_;
    StepRegion::User& user_;
    const PoolOwner& owner_;
    const StopFlag* stop_;
    std::optional<Clock::time_point> deadline_;
    JobGrant grant_;
};

}  // namespace tensile
