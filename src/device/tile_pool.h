// Threads that run the tiles of one launch: whoever is free claims the next tile through an atomic counter, the caller
// included. Half of the threads claim from the front and half from the back, so that from launch to launch the same
// tiles, and their data in the caches, tend to stay with the same thread. Which thread runs a tile has no influence on
// what the tile computes, so the number of threads may change between any two launches. A launch allocates nothing and
// takes no lock; a launch that finds the pool busy with another one runs on its caller alone. Knows tiles and threads,
// no kernels and no tensors.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "device/device.h"

namespace tensile {

// A number of threads as set, with 0 resolved to the number of cores.
int resolved_threads(int threads);

class TilePool {
  public:
    // Runs one tile. `slot` differs between threads that work on the launch at the same time and is less than the
    // launch's limit of participants. Returns false when it gave up because of the stop flag.
    using TileBody = bool (*)(void* context, std::int64_t tile, int slot) noexcept;

    // Pool threads of training run at nice 10. A caller's own priority is never touched: it belongs to someone else.
    // `prepare_thread` runs once in each pool thread before its first tile.
    TilePool(int threads, StreamPriority priority, std::function<void()> prepare_thread);
    ~TilePool();
    TilePool(const TilePool&) = delete;
    TilePool& operator=(const TilePool&) = delete;

    // The number of threads of a launch, its caller counted; effective from the next launch on. Thread-safe.
    void set_threads(int threads);
    int threads() const { return wanted_threads_.load(std::memory_order_relaxed); }

    // Runs tiles [0, tiles) with at most `max_participants` threads and returns when all are done. The stop flag is
    // read before each tile. Thread-safe.
    LaunchStatus run(std::int64_t tiles, int max_participants, const StopFlag* stop, TileBody body, void* context);

    // Runs body(begin, end) over [0, count) cut into pieces of `grain`, and returns when all are done. Thread-safe.
    void parallel_for(std::int64_t count, std::int64_t grain,
                      const std::function<void(std::int64_t, std::int64_t)>& body);

  private:
    // The launch in progress. Written only while the gate is closed and nobody is inside.
    struct Launch {
        std::int64_t tiles = 0;
        const StopFlag* stop = nullptr;
        TileBody body = nullptr;
        void* context = nullptr;
    };

    void resize();
    void work(int index);
    bool enter(int& slot);
    void leave();
    void claim_tiles(int slot);
    LaunchStatus run_alone(std::int64_t tiles, const StopFlag* stop, TileBody body, void* context) const;

    const StreamPriority priority_;
    const std::function<void()> prepare_thread_;
    std::atomic<int> wanted_threads_;
    std::atomic<bool> busy_{false};
    std::vector<std::thread> workers_;  // changed only by the launch that holds busy_
    std::atomic<int> live_workers_{0};  // workers with a smaller index go on, the others end
    std::atomic<int> spin_rounds_{0};

    alignas(64) std::atomic<std::uint32_t> generation_{0};  // changes with every launch; parked workers wait on it
    alignas(64) std::atomic<std::uint64_t> gate_{0};        // open bit, threads that have entered, threads inside
    alignas(64) std::atomic<std::uint64_t> claimed_{0};     // tiles claimed from the front, and from the back
    alignas(64) std::atomic<bool> stopped_{false};
    std::uint32_t participant_limit_ = 0;
    Launch launch_;
};

}  // namespace tensile
