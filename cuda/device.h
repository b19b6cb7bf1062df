// One opened device: its context, libraries and kernels, and the memory that the engine asks of it.
//
// Opening checks the driver and the device, then loads all that will ever be loaded, so that the free memory it reports
// afterwards is what the engine may take. From then on device memory is allocated only by allocate_slab() and, a
// little, by the libraries' handles of a new compute stream. Knows no streams.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "cuda/kernel_registry.h"
#include "device/cuda/plugin_abi.h"

namespace tensile::cuda {

class Device {
  public:
    // Throws PluginError.
    explicit Device(int ordinal);
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    ~Device();

    // The current device belongs to the calling thread; every function of the table sets it first.
    void make_current() const;
    int ordinal() const { return ordinal_; }
    const DeviceContext& context() const { return context_; }
    bool supports(const char* op, DType dtype) const;
    // Throws PluginError (TENSILE_UNSUPPORTED) when there is no kernel for the op. One caller at a time is served,
    // because cuDNN's handle serves one thread.
    std::unique_ptr<Kernel> prepare(const OpProblem& problem);
    // With everything loaded; `size` stays as the caller set it.
    TensileDeviceProperties properties() const;

    // 2 MiB aligned.
    void* allocate_slab(std::uint64_t bytes);
    void free_slab(void* address);

  private:
    void require_architecture();
    void load();
    void release();

    int ordinal_;
    int compute_capability_ = 0;  // 90 for sm_90
    DeviceContext context_;
    KernelRegistry kernels_;
    std::mutex preparing_;
    std::mutex slabs_mutex_;
    std::unordered_map<void*, void*> slabs_;  // what was allocated for an address that was handed out
};

// Page-locked host memory, of no device in particular. The attempt fails with TENSILE_OUT_OF_MEMORY where the system
// cannot lock as much.
void* allocate_host(std::uint64_t bytes);
void register_host(void* address, std::uint64_t bytes);

}  // namespace tensile::cuda
