// The run-time library on host memory; see cuda_runtime.h and emulation.h.
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "unit/cuda/emulation/emulation.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

using Work = std::function<void()>;

struct EmulatedGraph {
    std::vector<Work> work;
};

struct EmulatedStream {
    std::unique_ptr<EmulatedGraph> capture;
};

struct EmulatedEvent {
    bool recorded = false;
    std::chrono::steady_clock::time_point at;
};

namespace tensile::cuda_emulation {

namespace {

// Large enough for slabs to be aligned as the real library's are.
constexpr std::size_t kAlignment = std::size_t{2} << 20;
constexpr std::size_t kGuardBytes = 512;
constexpr unsigned char kGuardByte = 0xA5;

struct Allocation {
    std::byte* begin;
    std::size_t bytes;
    bool on_device;
    void* mapping;
    std::size_t mapping_bytes;
};

void guard(std::byte* begin, std::size_t bytes) {
    std::memset(begin, kGuardByte, bytes);
#if defined(__SANITIZE_ADDRESS__)
    ASAN_POISON_MEMORY_REGION(begin, bytes);
#endif
}

void unguard([[maybe_unused]] std::byte* begin, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
#endif
}

bool is_intact(const std::byte* begin, std::size_t bytes) {
    return std::all_of(begin, begin + bytes, [](std::byte each) { return each == std::byte{kGuardByte}; });
}

struct State {
    std::mutex mutex;
    Machine machine;
    std::map<const void*, Allocation> allocations;
    std::set<const void*> registered;
    std::size_t used = 0;
    cudaError_t last = cudaSuccess;
    cudaError_t next = cudaSuccess;
    cudaError_t sticky = cudaSuccess;
    std::string complaints;
};

State& state() {
    static State state;
    return state;
}

cudaError_t result(cudaError_t error) {
    State& s = state();
    const std::lock_guard<std::mutex> lock(s.mutex);
    if (error == cudaSuccess) error = s.sticky;
    if (error != cudaSuccess) s.last = error;
    return error;
}

// Of calls that enqueue, and of asking an event: an injected failure comes here.
cudaError_t enqueue_result() {
    State& s = state();
    cudaError_t error = cudaSuccess;
    {
        const std::lock_guard<std::mutex> lock(s.mutex);
        error = std::exchange(s.next, cudaSuccess);
        if (error >= cudaErrorIllegalAddress || error == cudaErrorECCUncorrectable) s.sticky = error;
    }
    return result(error);
}

cudaError_t allocate(void** address, std::size_t bytes, bool on_device) {
    State& s = state();
    const std::lock_guard<std::mutex> lock(s.mutex);
    *address = nullptr;
    if (on_device && s.used + bytes > s.machine.memory_bytes) return s.last = cudaErrorMemoryAllocation;
    const std::size_t mapping_bytes = bytes + 2 * kAlignment + kGuardBytes;
    void* mapping =
        mmap(nullptr, mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) return s.last = cudaErrorMemoryAllocation;
    const auto first = reinterpret_cast<std::uintptr_t>(mapping) + kGuardBytes;
    auto* begin = static_cast<std::byte*>(mapping) +
                  ((first + kAlignment - 1) / kAlignment * kAlignment - reinterpret_cast<std::uintptr_t>(mapping));
    guard(begin - kGuardBytes, kGuardBytes);
    guard(begin + bytes, kGuardBytes);
    s.allocations[begin] = {begin, bytes, on_device, mapping, mapping_bytes};
    if (on_device) s.used += bytes;
    *address = begin;
    return cudaSuccess;
}

cudaError_t release(void* address) {
    if (address == nullptr) return cudaSuccess;
    State& s = state();
    const std::lock_guard<std::mutex> lock(s.mutex);
    const auto found = s.allocations.find(address);
    if (found == s.allocations.end()) return s.last = cudaErrorInvalidValue;
    const Allocation allocation = found->second;
    s.allocations.erase(found);
    if (allocation.on_device) s.used -= allocation.bytes;
    unguard(allocation.begin - kGuardBytes, kGuardBytes);
    unguard(allocation.begin + allocation.bytes, kGuardBytes);
    munmap(allocation.mapping, allocation.mapping_bytes);
    return cudaSuccess;
}

}  // namespace

void enqueue(cudaStream_t stream, Work work) {
    if (is_capturing(stream))
        stream->capture->work.push_back(std::move(work));
    else
        work();
}

bool is_capturing(cudaStream_t stream) {
    return stream != nullptr && stream->capture != nullptr;
}

void launch(dim3 grid, dim3 block, cudaStream_t stream, Work body) {
    if (enqueue_result() != cudaSuccess) return;
    const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
    const bool valid = grid.x >= 1 && grid.y >= 1 && grid.z >= 1 && grid.x <= 0x7fffffff && grid.y <= 0xffff &&
                       grid.z <= 0xffff && threads >= 1 && threads <= 1024 && block.z <= 64;
    if (!valid) {
        result(cudaErrorInvalidConfiguration);
        return;
    }
    enqueue(stream, [grid, block, body = std::move(body)] {
        const std::string problem = run_grid(grid, block, body);
        if (!problem.empty()) complain(problem);
    });
}

void set_machine(const Machine& machine) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    state().machine = machine;
}

void fail_next(cudaError_t error) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    state().next = error;
}

void reset_errors() {
    const std::lock_guard<std::mutex> lock(state().mutex);
    state().last = state().next = state().sticky = cudaSuccess;
}

std::string take_complaints() {
    const std::lock_guard<std::mutex> lock(state().mutex);
    return std::exchange(state().complaints, {});
}

void complain(const std::string& text) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    state().complaints += text + "\n";
}

std::size_t allocation_count() {
    const std::lock_guard<std::mutex> lock(state().mutex);
    return state().allocations.size();
}

std::string damaged_guard() {
    const std::lock_guard<std::mutex> lock(state().mutex);
    for (const auto& [address, allocation] : state().allocations) {
        std::byte* before = allocation.begin - kGuardBytes;
        std::byte* behind = allocation.begin + allocation.bytes;
        unguard(before, kGuardBytes);
        unguard(behind, kGuardBytes);
        const bool damaged_before = !is_intact(before, kGuardBytes);
        const bool damaged_behind = !is_intact(behind, kGuardBytes);
        guard(before, kGuardBytes);
        guard(behind, kGuardBytes);
        if (damaged_before || damaged_behind)
            return std::string("something was written ") + (damaged_before ? "before" : "behind") +
                   " an allocation of " + std::to_string(allocation.bytes) + " bytes";
    }
    return {};
}

bool is_device_memory(const void* address, std::size_t bytes) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    const auto behind = state().allocations.upper_bound(address);
    if (behind == state().allocations.begin()) return false;
    const Allocation& allocation = std::prev(behind)->second;
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(address) - allocation.begin);
    return allocation.on_device && offset <= allocation.bytes && bytes <= allocation.bytes - offset;
}

}  // namespace tensile::cuda_emulation

using namespace tensile::cuda_emulation;

const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
    case cudaErrorMemoryAllocation:
        return "cudaErrorMemoryAllocation";
    case cudaErrorIllegalAddress:
        return "cudaErrorIllegalAddress";
    case cudaErrorECCUncorrectable:
        return "cudaErrorECCUncorrectable";
    case cudaErrorInvalidConfiguration:
        return "cudaErrorInvalidConfiguration";
    default:
        return "an emulated error";
    }
}

const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorIllegalAddress:
        return "an illegal memory access was encountered";
    default:
        return "emulated";
    }
}

cudaError_t cudaGetLastError() {
    State& s = state();
    const std::lock_guard<std::mutex> lock(s.mutex);
    return s.sticky != cudaSuccess ? s.sticky : std::exchange(s.last, cudaSuccess);
}

cudaError_t cudaDriverGetVersion(int* version) {
    *version = state().machine.driver_version;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
    const Machine& machine = state().machine;
    *count = 0;
    if (machine.driver_version < CUDART_VERSION / 1000 * 1000) return result(cudaErrorInsufficientDriver);
    if (machine.devices == 0) return result(cudaErrorNoDevice);
    *count = machine.devices;
    return result(cudaSuccess);
}

cudaError_t cudaSetDevice(int device) {
    return result(device >= 0 && device < state().machine.devices ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    *properties = {"Emulated device", state().machine.memory_bytes};
    return result(cudaSuccess);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
    switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
        *value = 4;
        break;
    case cudaDevAttrAsyncEngineCount:
        *value = 2;
        break;
    case cudaDevAttrComputeCapabilityMajor:
        *value = state().machine.compute_capability / 10;
        break;
    case cudaDevAttrComputeCapabilityMinor:
        *value = state().machine.compute_capability % 10;
        break;
    }
    return result(cudaSuccess);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
    *least = 0;
    *greatest = -5;
    return result(cudaSuccess);
}

cudaError_t cudaDeviceSynchronize() {
    return result(cudaSuccess);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    State& s = state();
    const std::lock_guard<std::mutex> lock(s.mutex);
    *total = s.machine.memory_bytes;
    *free = s.machine.memory_bytes - s.used;
    return s.sticky;
}

cudaError_t cudaMalloc(void** address, std::size_t bytes) {
    return allocate(address, bytes, true);
}
cudaError_t cudaFree(void* address) {
    return release(address);
}
cudaError_t cudaHostAlloc(void** address, std::size_t bytes, unsigned) {
    return allocate(address, bytes, false);
}
cudaError_t cudaFreeHost(void* address) {
    return release(address);
}

cudaError_t cudaHostRegister(void* address, std::size_t, unsigned) {
    State& s = state();
    const std::lock_guard<std::mutex> lock(s.mutex);
    return s.registered.insert(address).second ? cudaSuccess : s.last = cudaErrorHostMemoryAlreadyRegistered;
}

cudaError_t cudaHostUnregister(void* address) {
    State& s = state();
    const std::lock_guard<std::mutex> lock(s.mutex);
    return s.registered.erase(address) == 1 ? cudaSuccess : s.last = cudaErrorHostMemoryNotRegistered;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
    *stream = std::make_unique<EmulatedStream>().release();
    return result(cudaSuccess);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    const std::unique_ptr<EmulatedStream> owned(stream);
    return result(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    return result(is_capturing(stream) ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
    return enqueue_result();
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
    const cudaError_t error = enqueue_result();
    if (error == cudaSuccess) enqueue(stream, [=] { std::memmove(to, from, bytes); });
    return error;
}

cudaError_t cudaMemsetAsync(void* to, int byte, std::size_t bytes, cudaStream_t stream) {
    const cudaError_t error = enqueue_result();
    if (error == cudaSuccess) enqueue(stream, [=] { std::memset(to, byte, bytes); });
    return error;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    *event = std::make_unique<EmulatedEvent>().release();
    return result(cudaSuccess);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    const std::unique_ptr<EmulatedEvent> owned(event);
    return result(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    const cudaError_t error = enqueue_result();
    if (error != cudaSuccess) return error;
    enqueue(stream, [event] {
        event->recorded = true;
        event->at = std::chrono::steady_clock::now();
    });
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t) {
    return enqueue_result();
}
cudaError_t cudaEventSynchronize(cudaEvent_t) {
    return result(cudaSuccess);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    if (!begin->recorded || !end->recorded) return result(cudaErrorInvalidResourceHandle);
    *milliseconds = std::chrono::duration<float, std::milli>(end->at - begin->at).count();
    return result(cudaSuccess);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    if (is_capturing(stream)) return result(cudaErrorIllegalState);
    stream->capture = std::make_unique<EmulatedGraph>();
    return result(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    *graph = nullptr;
    if (!is_capturing(stream)) return result(cudaErrorIllegalState);
    *graph = stream->capture.release();
    return result(cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
    *executable = std::make_unique<EmulatedGraph>(*graph).release();
    return result(cudaSuccess);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) {
    return enqueue_result();
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
    const cudaError_t error = enqueue_result();
    if (error == cudaSuccess)
        for (const Work& work : executable->work)
            enqueue(stream, work);
    return error;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    const std::unique_ptr<EmulatedGraph> owned(graph);
    return result(cudaSuccess);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    return cudaGraphDestroy(executable);
}
