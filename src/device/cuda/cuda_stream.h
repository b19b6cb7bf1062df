// A stream of a CUDA device: launches and copies are enqueued and run in that order, behind the host.
//
// The stop flag is read before each launch and before each graph. What is enqueued runs to its end, so the host never
// is more than about 10 ms of work ahead (cuda_run_ahead.h); a longer sequence is cut into graphs of a few
// milliseconds. An op that takes longer by itself is not interrupted.
#pragma once

#include <memory>

#include "device/cuda/cuda_context.h"
#include "device/cuda/cuda_run_ahead.h"
#include "device/device.h"
#include "device/tile_pool.h"

namespace tensile {

class CudaStream final : public Stream {
  public:
    // `host_threads`: of parallel_for().
    CudaStream(std::shared_ptr<const CudaContext> context, StreamClass stream_class, StreamPriority priority,
               std::shared_ptr<TilePool> host_threads);
    // Waits for what was enqueued.
    ~CudaStream() override;
    CudaStream(const CudaStream&) = delete;
    CudaStream& operator=(const CudaStream&) = delete;

    LaunchStatus launch(Binding& binding, int op, const LaunchContext& context) override;
    LaunchStatus launch_sequence(Binding& binding, std::span<const std::int32_t> ops,
                                 const LaunchContext& context) override;
    void copy(std::byte* destination, const std::byte* source, std::size_t bytes) override;
    void record(Event& event) override;
    void wait_for(Event& event) override;
    void synchronize() override;
    void parallel_for(std::int64_t count, std::int64_t grain,
                      const std::function<void(std::int64_t, std::int64_t)>& body) override;

  private:
    std::shared_ptr<const CudaContext> context_;
    std::shared_ptr<TilePool> host_threads_;
    TensileStream* stream_ = nullptr;
    CudaRunAhead run_ahead_;
};

}  // namespace tensile
