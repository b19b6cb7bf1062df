// Members and the one extent; see step_region.h.
#include "memory/step_region.h"

#include <algorithm>
#include <utility>

#include "memory/extent_allocator.h"
#include "planner/plan.h"

namespace tensile {

StepRegion::Membership::Membership(Membership&& other) noexcept
    : region_(std::exchange(other.region_, nullptr)), user_(std::exchange(other.user_, nullptr)) {}

StepRegion::Membership& StepRegion::Membership::operator=(Membership&& other) noexcept {
    std::swap(region_, other.region_);
    std::swap(user_, other.user_);
    return *this;
}

StepRegion::Membership::~Membership() {
    if (region_ != nullptr) region_->leave(*user_);
}

PoolOwner StepRegion::owner() {
    return {0, 0, "train", "shared by the steps of all trainings"};
}

StepRegion::Membership StepRegion::try_join(User& user, std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    if (bytes > extent_.bytes()) return {};
    members_.push_back({&user, bytes});
    return {*this, user};
}

StepRegion::Membership StepRegion::join(User& user, std::uint64_t bytes, Extent extent, const StopFlag* stop) {
    Extent replaced;  // goes back to the pool without the lock
    std::unique_lock lock(mutex_);
    if (extent.bytes() > extent_.bytes()) {
        if (!finish_last_user(nullptr, stop, lock)) return {};
        replaced = std::exchange(extent_, std::move(extent));
        bytes_ = extent_.bytes();
    }
    members_.push_back({&user, bytes});
    return {*this, user};
}

std::byte* StepRegion::enter(User& user, const StopFlag* stop) {
    std::unique_lock lock(mutex_);
    if (!finish_last_user(&user, stop, lock)) return nullptr;
    last_ = &user;
    return extent_.data();
}

std::uint64_t StepRegion::room() const {
    const std::scoped_lock lock(mutex_);
    return extent_.room();
}

std::optional<Extent> StepRegion::make_room(User& user, std::uint64_t bytes, std::uint64_t beside,
                                            const PoolOwner& owner, const StopFlag* stop) {
    Extent rest;  // what rounding adds goes back without the lock
    std::unique_lock lock(mutex_);
    if (!finish_last_user(nullptr, stop, lock)) return std::nullopt;
    const auto member = std::ranges::find(members_, &user, &Member::user);
    const std::uint64_t before = std::exchange(member->bytes, bytes);
    const std::uint64_t region =
        aligned_size(std::max<std::uint64_t>(greatest_need(), 1), ExtentAllocator::kSmallGranule);
    if (beside == 0 && region <= extent_.bytes()) return Extent();
    if (!extent_.exchange(region + beside)) {
        member->bytes = before;
        return std::nullopt;
    }
    Extent given = extent_.split(region, owner);
    rest = given.split(beside, owner);
    bytes_ = extent_.bytes();
    return given;
}

bool StepRegion::finish_last_user(const User* next, const StopFlag* stop, std::unique_lock<std::mutex>& lock) {
    if (last_ == nullptr || last_ == next) return true;
    User& user = *last_;
    finishing_ = &user;
    lock.unlock();
    const LaunchStatus status = user.finish_copies(stop);
    lock.lock();
    finishing_ = nullptr;
    if (status == LaunchStatus::kCompleted) last_ = nullptr;
    finished_.notify_all();
    return status == LaunchStatus::kCompleted;
}

std::uint64_t StepRegion::greatest_need() const {
    std::uint64_t greatest = 0;
    for (const Member& member : members_)
        greatest = std::max(greatest, member.bytes);
    return greatest;
}

void StepRegion::leave(User& user) noexcept {
    Extent dropped;
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return finishing_ != &user; });
    if (last_ == &user) last_ = nullptr;
    std::erase_if(members_, [&](const Member& member) { return member.user == &user; });
    // Nobody else uses the tail. All of it goes when nobody is left.
    dropped = members_.empty() ? std::exchange(extent_, Extent()) : extent_.split(greatest_need(), owner());
    bytes_ = extent_.bytes();
}

}  // namespace tensile
