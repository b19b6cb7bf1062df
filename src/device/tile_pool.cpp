#include "device/tile_pool.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <system_error>
#include <utility>

namespace tensile {

namespace {

// Training gives way to backends and predictions.
constexpr int kTrainingNice = 10;

// A worker that found nothing to do spins for about 20 us (the gap between two ops of a step) before it parks.
constexpr int kSpinRounds = 600;

// The gate's word: is the launch open to newcomers, how many entered it (the next slot), how many are inside.
constexpr std::uint64_t kOpen = std::uint64_t{1} << 63;
constexpr std::uint64_t kOneEntered = std::uint64_t{1} << 32;
constexpr std::uint64_t kInsideMask = kOneEntered - 1;

// The word of claimed tiles: how many from the front (lower half) and from the back (upper half).
constexpr std::uint64_t kOneFromFront = 1;
constexpr std::uint64_t kOneFromBack = std::uint64_t{1} << 32;

constexpr std::uint32_t entered(std::uint64_t gate) {
    return static_cast<std::uint32_t>((gate & ~kOpen) >> 32);
}

inline void pause_briefly() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
}

// Signals belong to the engine's main thread: pool threads start with all of them blocked.
class BlockedSignals {
  public:
    BlockedSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &saved_);
    }
    ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;

  private:
    sigset_t saved_{};
};

}  // namespace

int resolved_threads(int threads) {
    if (threads > 0) return threads;
    return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
}

TilePool::TilePool(int threads, StreamPriority priority, std::function<void()> prepare_thread)
    : priority_(priority), prepare_thread_(std::move(prepare_thread)), wanted_threads_(std::max(threads, 1)) {}

TilePool::~TilePool() {
    live_workers_.store(0);
    generation_.fetch_add(1);
    generation_.notify_all();
    for (std::thread& worker : workers_)
        worker.join();
}

void TilePool::set_threads(int threads) {
    wanted_threads_.store(std::max(threads, 1), std::memory_order_relaxed);
}

void TilePool::resize() {
    const int workers = wanted_threads_.load(std::memory_order_relaxed) - 1;
    const int present = static_cast<int>(workers_.size());
    if (workers == present) return;
    // Spinning pays only when the threads do not wait for each other's core.
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    spin_rounds_.store(workers < cores ? kSpinRounds : 0, std::memory_order_relaxed);
    live_workers_.store(workers);
    if (workers < present) {
        generation_.fetch_add(1);
        generation_.notify_all();
        for (int index = workers; index < present; ++index)
            workers_[static_cast<std::size_t>(index)].join();
        workers_.resize(static_cast<std::size_t>(workers));
        return;
    }
    const BlockedSignals blocked;
    workers_.reserve(static_cast<std::size_t>(workers));
    try {
        for (int index = present; index < workers; ++index)
            workers_.emplace_back([this, index] { work(index); });
    } catch (const std::system_error&) {
        // No more threads to be had: those that are there do the work, and the next launch tries again.
    }
}

void TilePool::work(int index) {
    pthread_setname_np(pthread_self(), priority_ == StreamPriority::kTraining ? "tensile-train" : "tensile-predict");
    if (priority_ == StreamPriority::kTraining) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kTrainingNice);
    prepare_thread_();
    std::uint32_t seen = 0;
    for (;;) {
        int slot = 0;
        if (enter(slot)) {
            claim_tiles(slot);
            leave();
        }
        const int spin_rounds = spin_rounds_.load(std::memory_order_relaxed);
        for (int round = 0; round < spin_rounds; ++round) {
            if (generation_.load(std::memory_order_acquire) != seen) break;
            pause_briefly();
        }
        generation_.wait(seen, std::memory_order_acquire);
        seen = generation_.load(std::memory_order_acquire);
        if (index >= live_workers_.load(std::memory_order_acquire)) return;
    }
}

bool TilePool::enter(int& slot) {
    std::uint64_t gate = gate_.load(std::memory_order_relaxed);
    for (;;) {
        if ((gate & kOpen) == 0) return false;
        if (gate_.compare_exchange_weak(gate, gate + kOneEntered + 1, std::memory_order_acquire,
                                        std::memory_order_relaxed))
            break;
    }
    // From here on the launch's fields are stable: they change only when nobody is inside.
    slot = static_cast<int>(entered(gate));
    if (entered(gate) < participant_limit_) return true;
    leave();
    return false;
}

void TilePool::leave() {
    const std::uint64_t before = gate_.fetch_sub(1, std::memory_order_release);
    if ((before & kInsideMask) == 1 && (before & kOpen) == 0) gate_.notify_one();
}

void TilePool::claim_tiles(int slot) {
    const Launch launch = launch_;
    const bool from_back = slot % 2 != 0;
    for (;;) {
        const std::uint64_t claimed =
            claimed_.fetch_add(from_back ? kOneFromBack : kOneFromFront, std::memory_order_relaxed);
        const auto front = static_cast<std::int64_t>(claimed & (kOneFromBack - 1));
        const auto back = static_cast<std::int64_t>(claimed >> 32);
        if (front + back >= launch.tiles || stopped_.load(std::memory_order_relaxed)) return;
        const std::int64_t tile = from_back ? launch.tiles - 1 - back : front;
        if ((launch.stop != nullptr && launch.stop->load(std::memory_order_relaxed)) ||
            !launch.body(launch.context, tile, slot)) {
            stopped_.store(true, std::memory_order_relaxed);
            return;
        }
    }
}

LaunchStatus TilePool::run_alone(std::int64_t tiles, const StopFlag* stop, TileBody body, void* context) const {
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
        if (stop != nullptr && stop->load(std::memory_order_relaxed)) return LaunchStatus::kStopped;
        if (!body(context, tile, 0)) return LaunchStatus::kStopped;
    }
    return LaunchStatus::kCompleted;
}

LaunchStatus TilePool::run(std::int64_t tiles, int max_participants, const StopFlag* stop, TileBody body,
                           void* context) {
    const bool alone = tiles <= 1 || max_participants <= 1 || wanted_threads_.load(std::memory_order_relaxed) <= 1;
    if (alone || busy_.exchange(true, std::memory_order_acquire)) return run_alone(tiles, stop, body, context);

    resize();
    launch_ = Launch{tiles, stop, body, context};
    participant_limit_ = static_cast<std::uint32_t>(max_participants);
    claimed_.store(0, std::memory_order_relaxed);
    stopped_.store(false, std::memory_order_relaxed);
    gate_.store(kOpen + kOneEntered, std::memory_order_release);  // slot 0 is the caller's
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();

    claim_tiles(0);

    const int spin_rounds = spin_rounds_.load(std::memory_order_relaxed);
    std::uint64_t gate = gate_.fetch_and(~kOpen, std::memory_order_acquire) & ~kOpen;
    for (int round = 0; (gate & kInsideMask) != 0; ++round) {
        if (round < spin_rounds)
            pause_briefly();
        else
            gate_.wait(gate, std::memory_order_acquire);
        gate = gate_.load(std::memory_order_acquire);
    }
    const bool stopped = stopped_.load(std::memory_order_relaxed);
    busy_.store(false, std::memory_order_release);
    return stopped ? LaunchStatus::kStopped : LaunchStatus::kCompleted;
}

void TilePool::parallel_for(std::int64_t count, std::int64_t grain,
                            const std::function<void(std::int64_t, std::int64_t)>& body) {
    struct Loop {
        std::int64_t count;
        std::int64_t grain;
        const std::function<void(std::int64_t, std::int64_t)>& body;
    };
    Loop loop{count, std::max<std::int64_t>(grain, 1), body};
    const auto run_piece = [](void* opaque, std::int64_t piece, int) noexcept {
        const auto& loop = *static_cast<Loop*>(opaque);
        const std::int64_t begin = piece * loop.grain;
        loop.body(begin, std::min(begin + loop.grain, loop.count));
        return true;
    };
    run((count + loop.grain - 1) / loop.grain, std::numeric_limits<int>::max(), nullptr, run_piece, &loop);
}

}  // namespace tensile
