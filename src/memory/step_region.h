// The bytes that only a running step uses, shared by all training jobs: their steps take turns (runtime/arbiter.h), so
// one region as large as the greatest need serves them all.
//
// A job joins when it is admitted and enters in each of its turns, before it feeds. Copies out of a step may still be
// under way when its turn ends, so that they overlap with what the same job does next; who enters after another user
// waits for them first. The region grows when a job that needs more brings a larger extent, and shrinks as soon as the
// job with the greatest need leaves: the others do not use its tail. Growing moves it, so enter() tells where it is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "device/device.h"
#include "memory/tensor_pool.h"

namespace tensile {

class StepRegion {
  public:
    class User {
      public:
        virtual ~User() = default;
        // Returns when nothing of the user's last step touches the region any more, or kStopped when `stop` was set
        // before. Called in another user's turn, by its thread. An error is the user's own affair and shows there.
        virtual LaunchStatus finish_copies(const StopFlag* stop) noexcept = 0;
    };

    // Leaves on destruction; by then the user's copies have ended.
    class Membership {
      public:
        Membership() = default;
        Membership(Membership&& other) noexcept;
        Membership& operator=(Membership&& other) noexcept;
        Membership(const Membership&) = delete;
        Membership& operator=(const Membership&) = delete;
        ~Membership();
        explicit operator bool() const { return region_ != nullptr; }

      private:
        friend class StepRegion;
        Membership(StepRegion& region, User& user) : region_(&region), user_(&user) {}
        StepRegion* region_ = nullptr;
        User* user_ = nullptr;
    };

    StepRegion() = default;
    StepRegion(const StepRegion&) = delete;
    StepRegion& operator=(const StepRegion&) = delete;

    std::uint64_t bytes() const { return bytes_.load(); }
    // Empty when the region is smaller than `bytes`. Does not wait.
    Membership try_join(User& user, std::uint64_t bytes);
    // Brings an extent of at least `bytes`, which becomes the region if it is larger. In a turn; empty when `stop` was
    // set before the last user's copies had ended.
    Membership join(User& user, std::uint64_t bytes, Extent extent, const StopFlag* stop);
    // Where the region is in this turn; null when `stop` was set before the last user's copies had ended.
    std::byte* enter(User& user, const StopFlag* stop);

    // In whose name the pool shows the region.
    static PoolOwner owner();

  private:
    struct Member {
        User* user;
        std::uint64_t bytes;
    };
    void leave(User& user) noexcept;
    bool finish_last_user(const User* next, const StopFlag* stop);

    std::mutex mutex_;  // held while a user's copies are waited for: only the holder of the turn does that
    std::vector<Member> members_;
    Extent extent_;
    User* last_ = nullptr;  // whose copies may be under way
    std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace tensile
