// The bytes that only a running step uses, shared by all training jobs: their steps take turns (runtime/arbiter.h), so
// one region as large as the greatest need serves them all.
//
// A job joins when it is admitted and enters in each of its turns, before it feeds. Copies out of a step may still be
// under way when its turn ends, so that they overlap with what the same job does next; who enters after another user
// waits for them first. The region grows when a job that needs more brings a larger extent, and shrinks as soon as the
// job with the greatest need leaves: the others do not use its tail. Growing moves it, so enter() tells where it is.
// Between steps it holds nothing of value, so a running job can also have it exchanged for a place with more room.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
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

    // The most bytes that make_room() could share out now; 0 while requests are queued for the pool.
    std::uint64_t room() const;
    // Changes what a member needs to `bytes`, and gives out an extent of `beside` bytes in the name of `owner` along
    // with it: the region moves to where both are free together. In a turn. Empty when there is no such place, or
    // `stop` was set before the last user's copies had ended; the need is then as before.
    std::optional<Extent> make_room(User& user, std::uint64_t bytes, std::uint64_t beside, const PoolOwner& owner,
                                    const StopFlag* stop);

    // In whose name the pool shows the region.
    static PoolOwner owner();

  private:
    struct Member {
        User* user;
        std::uint64_t bytes;
    };
    void leave(User& user) noexcept;
    std::uint64_t greatest_need() const;
    // In a turn, with the lock, which is let go while the copies are waited for.
    bool finish_last_user(const User* next, const StopFlag* stop, std::unique_lock<std::mutex>& lock);

    mutable std::mutex mutex_;  // never held while copies are waited for
    std::condition_variable finished_;
    std::vector<Member> members_;
    Extent extent_;
    User* last_ = nullptr;       // whose copies may be under way
    User* finishing_ = nullptr;  // whose copies are waited for, by the holder of the turn: it must not leave meanwhile
    std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace tensile
