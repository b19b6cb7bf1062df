// Members and the one extent; see step_region.h.
#include "memory/step_region.h"

#include <algorithm>
#include <utility>

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
    const std::scoped_lock lock(mutex_);
    if (extent.bytes() > extent_.bytes()) {
        if (!finish_last_user(nullptr, stop)) return {};
        replaced = std::exchange(extent_, std::move(extent));
        bytes_ = extent_.bytes();
    }
    members_.push_back({&user, bytes});
    return {*this, user};
}

std::byte* StepRegion::enter(User& user, const StopFlag* stop) {
    const std::scoped_lock lock(mutex_);
    if (!finish_last_user(&user, stop)) return nullptr;
    last_ = &user;
    return extent_.data();
}

bool StepRegion::finish_last_user(const User* next, const StopFlag* stop) {
    if (last_ == nullptr || last_ == next) return true;
    if (last_->finish_copies(stop) == LaunchStatus::kStopped) return false;
    last_ = nullptr;
    return true;
}

void StepRegion::leave(User& user) noexcept {
    Extent dropped;
    const std::scoped_lock lock(mutex_);
    if (last_ == &user) last_ = nullptr;
    std::erase_if(members_, [&](const Member& member) { return member.user == &user; });
    std::uint64_t greatest = 0;
    for (const Member& member : members_)
        greatest = std::max(greatest, member.bytes);
    // Nobody else uses the tail. All of it goes when nobody is left.
    dropped = members_.empty() ? std::exchange(extent_, Extent()) : extent_.split(greatest, owner());
    bytes_ = extent_.bytes();
}

}  // namespace tensile
