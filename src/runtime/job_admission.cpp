// The steps of an admission; see job_admission.h.
#include "runtime/job_admission.h"

#include <algorithm>
#include <utility>

#include "memory/extent_allocator.h"
#include "memory/pinned_store.h"
#include "tensor/error.h"

namespace tensile {

JobAdmission::JobAdmission(Arbiter& arbiter, JobMemory& memory, std::span<const JobProgram> programs,
                           std::span<const VariablePiece> pieces, StepRegion::User& user, const PoolOwner& owner,
                           const StopFlag* stop)
    : arbiter_(arbiter),
      memory_(memory),
      programs_(programs),
      pieces_(pieces),
      user_(user),
      owner_(owner),
      stop_(stop) {}

bool JobAdmission::try_shared_region(const JobLayout& layout) {
    StepRegion::Membership step = memory_.steps.try_join(user_, layout.step_bytes);
    if (!step) return false;
    Extent state = memory_.pool.try_acquire(cut_size(layout.state_bytes), owner_);
    if (!state) return false;
    grant_.step = std::move(step);
    grant_.state = std::move(state);
    grant_.layout = layout;
    return true;
}

bool JobAdmission::try_own_region(const JobLayout& layout) {
    Extent extent = memory_.pool.try_acquire(layout.pool_bytes(), owner_);
    if (!extent) return false;
    settle(std::move(extent), layout);
    return true;
}

void JobAdmission::settle(Extent extent, const JobLayout& layout) {
    Extent step = extent.split(cut_size(layout.state_bytes), StepRegion::owner());
    // The region may move, which it does only between steps.
    const Arbiter::Turn turn = arbiter_.take_turn(stop_);
    grant_.step = memory_.steps.join(user_, layout.step_bytes, std::move(step), stop_);
    if (!grant_.step) throw Error(sqlstate::kQueryCanceled, "canceling job due to a stop request");
    grant_.state = std::move(extent);
    grant_.layout = layout;
}

bool JobAdmission::try_moving(const LayoutPlanner& planner, std::uint64_t limit) {
    const std::uint64_t free = memory_.pool.summary().largest_free;
    const std::uint64_t region = memory_.steps.bytes();
    if (region > 0) {
        grant_.planned_bytes = std::min(free + region, limit);
        const std::optional<JobLayout> layout = planner.plan_within(grant_.planned_bytes);
        if (layout && layout->step_bytes <= region && try_shared_region(*layout)) return true;
    }
    grant_.planned_bytes = std::min(free, limit);
    const std::optional<JobLayout> layout = planner.plan_within(grant_.planned_bytes);
    return layout && try_own_region(*layout);
}

// False when times of ops that were learned meanwhile have led to plans that copy more than the planner's tier holds.
bool JobAdmission::wait_in_line(const LayoutPlanner& planner, const JobLayout& in_place, std::uint64_t least,
                                std::uint64_t limit) {
    Extent extent = memory_.pool.acquire(least, owner_, timeout_left(), stop_);
    extent.extend(std::max(least, std::min(in_place.pool_bytes(), limit)));
    grant_.planned_bytes = extent.bytes();
    std::optional<JobLayout> layout;
    if (extent.bytes() >= in_place.pool_bytes())
        layout = in_place;
    else
        layout = planner.plan_within(extent.bytes());
    // With more bytes a plan may want more spill space than there can be.
    if (!layout) layout = planner.plan_within(least);
    if (!layout) return false;
    extent.split(layout->pool_bytes(), owner_);
    settle(std::move(extent), *layout);
    return true;
}

void JobAdmission::measure_link() {
    const std::uint64_t bytes = std::min(Link::kProbeBytes, memory_.spill.limit());
    if (memory_.link.is_measured() || bytes < Link::kLeastProbeBytes) return;
    memory_.link.measure(*memory_.spill.create(bytes, timeout_left(), stop_));
}

std::optional<std::chrono::milliseconds> JobAdmission::timeout_left() const {
    if (!deadline_) return std::nullopt;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline_ - Clock::now());
    return std::max(left, std::chrono::milliseconds(0));
}

std::optional<JobGrant> JobAdmission::admit_in_place(const JobLayout& in_place, const PoolShare& share) {
    if (in_place.pool_bytes() > share.limit(memory_.pool.summary().size) || !try_now(in_place)) return std::nullopt;
    return std::move(grant_);
}

// Where host copies need the arena, their range is taken before the job waits for bytes of the pool, or when it has
// them; so who holds bytes waits for nothing.
bool JobAdmission::admit_pinned(const JobLayout& in_place, std::uint64_t limit) {
    HostTier tier = memory_.pinned_tier();
    if (tier.limit == 0) return false;
    const auto take = [&](std::uint64_t bytes) {
        if (HostBuffer range = memory_.bridge->arena().try_take(bytes, "host copies of " + owner_.label))
            grant_.host = std::make_unique<PinnedStore>(std::move(range));
        return grant_.host != nullptr;
    };
    std::uint64_t least = 0;
    {
        const LayoutPlanner planner(memory_, tier, memory_.costs, programs_, pieces_);
        if (try_moving(planner, limit)) {
            if (grant_.layout.host_bytes == 0 || take(grant_.layout.host_bytes)) return true;
            grant_ = JobGrant();
            return false;
        }
        least = planner.least_bytes(in_place, limit);
        // Where the arena is the smaller tier, a job may need more bytes of the pool with it.
        if (least > planner.minimum_bytes(in_place) && memory_.spill.limit() > tier.limit) return false;
        const std::optional<JobLayout> layout = least <= limit ? planner.plan_within(least) : std::nullopt;
        if (!layout || !take(layout->host_bytes)) return false;
    }
    tier.limit = grant_.host->bytes();
    const LayoutPlanner planner(memory_, tier, memory_.costs, programs_, pieces_);
    if (!wait_in_line(planner, in_place, least, limit)) {
        grant_ = JobGrant();
        return false;
    }
    if (grant_.layout.host_bytes == 0) grant_.host.reset();
    return true;
}

JobGrant JobAdmission::admit_moving(const JobLayout& in_place, std::optional<std::chrono::milliseconds> timeout,
                                    const PoolShare& share) {
    if (timeout) deadline_ = Clock::now() + *timeout;
    const std::uint64_t pool_size = memory_.pool.summary().size;
    const std::uint64_t limit = share.limit(pool_size);
    if (admit_pinned(in_place, limit)) return std::move(grant_);
    measure_link();
    const LayoutPlanner planner(memory_, memory_.spill_tier(), memory_.costs, programs_, pieces_);
    const std::uint64_t least = planner.least_bytes(in_place, limit);
    share.require(least, pool_size, owner_.label);
    std::unique_ptr<SpillFile> file;
    for (;;) {
        if (!try_moving(planner, limit) && !wait_in_line(planner, in_place, least, limit))
            throw InternalError("a planner does not keep the minimum that it has stated");
        const std::uint64_t needed = grant_.layout.host_bytes;
        if (needed == 0) break;
        if (file != nullptr && file->bytes() < needed) file.reset();
        if (file == nullptr) file = memory_.spill.try_create(needed);
        if (file != nullptr) break;
        // Who holds bytes of the pool waits for nothing, so those who hold spill space may wait for bytes.
        grant_ = JobGrant();
        file = memory_.spill.create(needed, timeout_left(), stop_);
    }
    if (grant_.layout.host_bytes > 0) grant_.host = std::move(file);
    return std::move(grant_);
}

}  // namespace tensile
