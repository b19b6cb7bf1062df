// Opens devices; see device.h.
#include "cuda/device.h"

#include <algorithm>
#include <cstdlib>

#include "cuda/driver.h"
#include "cuda/error.h"
#include "cuda/warm_up.h"

namespace tensile::cuda {

namespace {

constexpr std::uint64_t kSlabAlignment = std::uint64_t{2} << 20;

int attribute(cudaDeviceAttr which, int ordinal) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, ordinal), "asking a property of the device");
    return value;
}

// "13.0.2": major * 10000 + minor * 100 + patch.
std::string library_version(std::size_t number) {
    return std::to_string(number / 10000) + "." + std::to_string(number % 10000 / 100) + "." +
           std::to_string(number % 100);
}

template <std::size_t size>
void copy_text(char (&to)[size], const std::string& text) {
    const std::size_t length = std::min(text.size(), size - 1);
    std::copy_n(text.data(), length, to);
    to[length] = '\0';
}

}  // namespace

Device::Device(int ordinal) : ordinal_(ordinal), kernels_(make_kernel_registry()) {
    // Kernels are loaded when the context is made and not one by one when they are first launched: what they take must
    // be gone before the engine takes the rest. An administrator's own setting stays.
    setenv("CUDA_MODULE_LOADING", "EAGER", 0);
    const int count = device_count();
    if (ordinal < 0 || ordinal >= count)
        throw PluginError(TENSILE_NO_DEVICE, "there is no device cuda:" + std::to_string(ordinal) +
                                                 "; the driver reports " + std::to_string(count));
    require_architecture();
    try {
        load();
    } catch (...) {
        release();
        throw;
    }
}

Device::~Device() {
    release();
}

void Device::make_current() const {
    check(cudaSetDevice(ordinal_), "selecting the device");
}

void Device::require_architecture() {
    compute_capability_ = attribute(cudaDevAttrComputeCapabilityMajor, ordinal_) * 10 +
                          attribute(cudaDevAttrComputeCapabilityMinor, ordinal_);
    if (compute_capability_ < TENSILE_CUDA_OLDEST_ARCHITECTURE)
        throw PluginError(TENSILE_UNSUPPORTED, "device cuda:" + std::to_string(ordinal_) + " (sm_" +
                                                   std::to_string(compute_capability_) +
                                                   ") is too old: this plug-in was built for sm_" +
                                                   std::to_string(TENSILE_CUDA_OLDEST_ARCHITECTURE) + " and newer");
}

void Device::load() {
    make_current();
    // The first call that needs a context makes it.
    check(cudaFree(nullptr), "making a context on the device");
    check(cublasLtCreate(&context_.cublas_lt), "starting cuBLASLt");
    check(cudnnCreate(&context_.cudnn), "starting cuDNN");
    context_.multiprocessors = attribute(cudaDevAttrMultiProcessorCount, ordinal_);
    warm_up(kernels_, context_);
}

void Device::release() {
    cudaSetDevice(ordinal_);
    for (const auto& [address, allocation] : slabs_)
        cudaFree(allocation);
    if (context_.cudnn != nullptr) cudnnDestroy(context_.cudnn);
    if (context_.cublas_lt != nullptr) cublasLtDestroy(context_.cublas_lt);
}

bool Device::supports(const char* op, DType dtype) const {
    return dtype == DType::kF32 && kernels_.find(op) != nullptr;
}

std::unique_ptr<Kernel> Device::prepare(const OpProblem& problem) {
    const MakeKernel make = kernels_.find(problem.name);
    if (make == nullptr)
        throw PluginError(TENSILE_UNSUPPORTED, "op \"" + problem.name + "\" has no kernel for CUDA devices");
    const std::lock_guard<std::mutex> lock(preparing_);
    return make(context_, problem);
}

TensileDeviceProperties Device::properties() const {
    cudaDeviceProp device{};
    check(cudaGetDeviceProperties(&device, ordinal_), "asking the device's properties");
    std::size_t free = 0;
    std::size_t total = 0;
    check(cudaMemGetInfo(&free, &total), "asking for the device's free memory");
    TensileDeviceProperties properties{};
    copy_text(properties.name, device.name);
    copy_text(properties.architecture, "sm_" + std::to_string(compute_capability_));
    copy_text(properties.kernel_library,
              "cuBLASLt " + library_version(cublasLtGetVersion()) + ", cuDNN " + library_version(cudnnGetVersion()));
    copy_text(properties.driver, driver_description());
    properties.memory_bytes = total;
    properties.free_bytes = free;
    properties.multiprocessors = context_.multiprocessors;
    properties.copy_engines = attribute(cudaDevAttrAsyncEngineCount, ordinal_);
    return properties;
}

void* Device::allocate_slab(std::uint64_t bytes) {
    void* allocation = nullptr;
    check(cudaMalloc(&allocation, bytes), "allocating device memory");
    auto address = reinterpret_cast<std::uintptr_t>(allocation);
    if (address % kSlabAlignment != 0) {
        // Large allocations are aligned as they come; for a small one there is room to find the place.
        cudaFree(allocation);
        check(cudaMalloc(&allocation, bytes + kSlabAlignment), "allocating device memory");
        address = reinterpret_cast<std::uintptr_t>(allocation);
    }
    const std::uintptr_t padding = (kSlabAlignment - address % kSlabAlignment) % kSlabAlignment;
    void* slab = static_cast<std::byte*>(allocation) + padding;
    const std::lock_guard<std::mutex> lock(slabs_mutex_);
    slabs_.emplace(slab, allocation);
    return slab;
}

void Device::free_slab(void* address) {
    const std::lock_guard<std::mutex> lock(slabs_mutex_);
    const auto found = slabs_.find(address);
    if (found == slabs_.end()) return;
    cudaFree(found->second);
    slabs_.erase(found);
}

void* allocate_host(std::uint64_t bytes) {
    void* address = nullptr;
    check(cudaHostAlloc(&address, bytes, cudaHostAllocPortable), "page-locking host memory");
    return address;
}

void register_host(void* address, std::uint64_t bytes) {
    check(cudaHostRegister(address, bytes, cudaHostRegisterPortable), "page-locking host memory");
}

}  // namespace tensile::cuda
