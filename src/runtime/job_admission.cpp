// The steps of an admission; see job_admission.h.
#include "runtime/job_admission.h"

#include <algorithm>
#include <utility>

#include "memory/extent_allocator.h"
#include "tensor/error.h"

namespace tensile {

namespace {

// Where an extent can be cut.
std::uint64_t cut_size(std::uint64_t bytes) {
    return aligned_size(std::max<std::uint64_t>(bytes, 1), ExtentAllocator::kSmallGranule);
}

}  // namespace

JobAdmission::JobAdmission(Arbiter& arbiter, JobMemory& memory, std::span<const JobProgram> programs,
                           std::span<const VariablePiece> pieces, StepRegion::User& user, const PoolOwner& owner,
                           const StopFlag* stop)
    : arbiter_(arbiter),
      memory_(memory),
      programs_(programs),
      pieces_(pieces),
      user_(user),
      owner_(owner),
      stop_(stop) {
    for (const JobProgram& program : programs_)
        constant_bytes_ += program.planned->constant_bytes;
}

std::uint64_t JobAdmission::whole_bytes(const JobLayout& layout) {
    return cut_size(layout.state_bytes) + cut_size(layout.step_bytes);
}

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
    Extent extent = memory_.pool.try_acquire(whole_bytes(layout), owner_);
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

std::optional<JobLayout> JobAdmission::plan_within(const JobQuestion& question, std::uint64_t bytes) const {
    // What lies beside the plans, and what is lost where the extent is cut.
    std::uint64_t beside = constant_bytes_ + 2 * ExtentAllocator::kSmallGranule;
    while (beside < bytes) {
        std::optional<JobPlan> plan = memory_.planner.plan_job(question.request(), bytes - beside);
        if (!plan) return std::nullopt;
        JobLayout layout = lay_out_planned(programs_, pieces_, *std::move(plan));
        const std::uint64_t needed = whole_bytes(layout);
        if (needed <= bytes) return layout;
        // A variable that no program uses wants more room than any step.
        beside += needed - bytes;
    }
    return std::nullopt;
}

bool JobAdmission::try_moving(const JobQuestion& question, std::uint64_t limit) {
    const std::uint64_t free = memory_.pool.summary().largest_free;
    const std::uint64_t region = memory_.steps.bytes();
    if (region > 0) {
        const std::optional<JobLayout> layout = plan_within(question, std::min(free + region, limit));
        if (layout && layout->step_bytes <= region && try_shared_region(*layout)) return true;
    }
    const std::optional<JobLayout> layout = plan_within(question, std::min(free, limit));
    return layout && try_own_region(*layout);
}

void JobAdmission::measure_link() {
    if (memory_.link.is_measured()) return;
    memory_.link.measure(*memory_.spill.create(Link::kProbeBytes));
}

std::optional<JobGrant> JobAdmission::admit_in_place(const JobLayout& in_place, const PoolShare& share) {
    if (whole_bytes(in_place) > share.limit(memory_.pool.summary().size) || !try_now(in_place)) return std::nullopt;
    return std::move(grant_);
}

JobGrant JobAdmission::admit_moving(const JobLayout& in_place, std::optional<std::chrono::milliseconds> timeout,
                                    const PoolShare& share) {
    const std::uint64_t pool_size = memory_.pool.summary().size;
    const std::uint64_t limit = share.limit(pool_size);
    std::uint64_t least = whole_bytes(in_place);
    std::optional<JobQuestion> question;
    if (memory_.spill.limit() > 0) {
        measure_link();
        question.emplace(programs_, pieces_, memory_.link.model(), memory_.costs);
        least = std::min(least, memory_.planner.minimum_bytes(question->request()) + constant_bytes_ +
                                    2 * ExtentAllocator::kSmallGranule);
    }
    share.require(least, pool_size, owner_.label);
    if (!question || !try_moving(*question, limit)) {
        Extent extent = memory_.pool.acquire(least, owner_, timeout, stop_);
        extent.extend(std::max(least, std::min(whole_bytes(in_place), limit)));
        std::optional<JobLayout> layout;
        if (extent.bytes() >= whole_bytes(in_place))
            layout = in_place;
        else
            layout = plan_within(*question, extent.bytes());
        if (!layout) throw InternalError("a planner does not keep the minimum that it has stated");
        extent.split(whole_bytes(*layout), owner_);
        settle(std::move(extent), *layout);
    }
    if (grant_.layout.host_bytes > 0) grant_.spill = memory_.spill.create(grant_.layout.host_bytes);
    return std::move(grant_);
}

}  // namespace tensile
