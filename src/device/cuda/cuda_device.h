// A CUDA device behind the plug-in's table: everything that runs on it is asynchronous, its memory is never touched by
// the host. One slab and one page-locked arena, both taken once. Knows no CUDA: that is the plug-in's.
#pragma once

#include <memory>
#include <string>

#include "device/cuda/cuda_context.h"
#include "device/cuda/cuda_kernels.h"
#include "device/device.h"
#include "device/tile_pool.h"

namespace tensile {

struct CudaDeviceOptions {
    int ordinal = 0;
    int threads = 0;  // of the host, for feeding batches; 0 means all cores
    DeviceFaultHandler on_fault = {};
};

class CudaDevice final : public Device {
  public:
    // Throws Error when there is no driver or no such device, or when it cannot be used (see plugin_status.h).
    CudaDevice(std::shared_ptr<const PluginLibrary> library, const CudaDeviceOptions& options);
    ~CudaDevice() override;
    CudaDevice(const CudaDevice&) = delete;
    CudaDevice& operator=(const CudaDevice&) = delete;

    const DeviceProperties& properties() const override { return properties_; }
    // Free bytes are asked anew at each call.
    std::optional<DeviceHardware> hardware() const override;
    bool computes_in(Precision) const override { return true; }
    bool supports(const Op& op, DType dtype) const override;
    std::unique_ptr<Executable> lower(const Program& program, const LoweringOptions& options) override;
    void merge_algorithm_choices(const AlgorithmChoices& choices) override { kernels_.merge_choices(choices); }
    std::unique_ptr<Stream> create_stream(StreamClass stream_class, StreamPriority priority) override;
    bool is_synchronous() const override { return false; }
    std::unique_ptr<Event> create_event() override;
    std::byte* reserve_slab(std::size_t bytes) override;
    // Device memory stays: there is nobody it could be given back to for a while.
    void discard(std::byte*, std::size_t) override {}
    std::byte* reserve_host_arena(std::size_t bytes) override;
    void set_threads(int threads) override;
    int threads() const override;

  private:
    TensileDeviceProperties ask_properties() const;

    std::shared_ptr<const CudaContext> context_;
    CudaKernels kernels_;
    DeviceProperties properties_;
    std::string name_;
    std::string driver_;
    std::uint64_t memory_bytes_ = 0;
    int multiprocessors_ = 1;
    std::shared_ptr<TilePool> training_threads_;
    std::shared_ptr<TilePool> prediction_threads_;
    void* slab_ = nullptr;
    void* host_arena_ = nullptr;
};

}  // namespace tensile
