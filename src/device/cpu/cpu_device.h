// The CPU as a device: oneDNN for matrix products, our own kernels for the rest, and two pools of threads, one for
// training and one for predictions.
#pragma once

#include <memory>

#include "device/cpu/onednn_library.h"
#include "device/cpu/tile_kernel.h"
#include "device/device.h"
#include "device/tile_pool.h"

namespace tensile {

class CpuDevice final : public Device {
  public:
    // `threads`: of each pool, the caller of a launch counted; 0 means all cores.
    explicit CpuDevice(int threads = 0);
    ~CpuDevice() override;

    const DeviceProperties& properties() const override { return properties_; }
    bool supports(const Op& op, DType dtype) const override;
    std::unique_ptr<Executable> lower(const Program& program, const LoweringOptions& options) override;
    std::unique_ptr<Stream> create_stream(StreamClass stream_class, StreamPriority priority) override;
    std::byte* reserve_slab(std::size_t bytes) override;
    void discard(std::byte* begin, std::size_t bytes) override;
    void set_threads(int threads) override;
    int threads() const override;

  private:
    OnednnLibrary onednn_;
    KernelTable kernels_;
    DeviceProperties properties_;
    std::shared_ptr<TilePool> training_pool_;
    std::shared_ptr<TilePool> prediction_pool_;
    std::byte* slab_ = nullptr;
    std::size_t slab_bytes_ = 0;
};

}  // namespace tensile
