#include "device/cuda/cuda_device.h"

#include <cstring>

#include "device/cuda/cuda_event.h"
#include "device/cuda/cuda_executable.h"
#include "device/cuda/cuda_lowering.h"
#include "device/cuda/cuda_stream.h"
#include "tensor/error.h"

namespace tensile {

namespace {

template <std::size_t kCapacity>
std::string text_of(const char (&characters)[kCapacity]) {
    return {characters, strnlen(characters, kCapacity)};
}

}  // namespace

CudaDevice::CudaDevice(std::shared_ptr<const PluginLibrary> library, const CudaDeviceOptions& options)
    : context_(std::make_shared<const CudaContext>(std::move(library), options.ordinal, options.on_fault)),
      kernels_(context_) {
    const TensileDeviceProperties found = ask_properties();
    properties_ = {"cuda", text_of(found.architecture), text_of(found.kernel_library)};
    name_ = text_of(found.name);
    driver_ = text_of(found.driver);
    memory_bytes_ = found.memory_bytes;
    multiprocessors_ = found.multiprocessors;
    const int threads = resolved_threads(options.threads);
    training_threads_ = std::make_shared<TilePool>(threads, StreamPriority::kTraining, [] {});
    prediction_threads_ = std::make_shared<TilePool>(threads, StreamPriority::kPrediction, [] {});
}

CudaDevice::~CudaDevice() {
    if (slab_ != nullptr) context_->table().slab_free(context_->device(), slab_);
    if (host_arena_ != nullptr) context_->table().host_free(context_->device(), host_arena_);
}

TensileDeviceProperties CudaDevice::ask_properties() const {
    TensileDeviceProperties properties{};
    properties.size = sizeof properties;
    context_->call("ask for the properties of the GPU", context_->table().properties, context_->device(), &properties);
    return properties;
}

std::optional<DeviceHardware> CudaDevice::hardware() const {
    return DeviceHardware{name_, driver_, memory_bytes_, ask_properties().free_bytes};
}

bool CudaDevice::supports(const Op& op, DType dtype) const {
    const std::string name(op.name());
    return context_->table().supports(context_->device(), name.c_str(), static_cast<TensileDType>(dtype)) != 0;
}

std::unique_ptr<Executable> CudaDevice::lower(const Program& program, const LoweringOptions& options) {
    return std::make_unique<CudaExecutable>(lower_to_cuda(program, options, kernels_, context_, multiprocessors_));
}

std::unique_ptr<Stream> CudaDevice::create_stream(StreamClass stream_class, StreamPriority priority) {
    return std::make_unique<CudaStream>(
        context_, stream_class, priority,
        priority == StreamPriority::kTraining ? training_threads_ : prediction_threads_);
}

std::unique_ptr<Event> CudaDevice::create_event() {
    return std::make_unique<CudaEvent>(context_);
}

std::byte* CudaDevice::reserve_slab(std::size_t bytes) {
    if (slab_ != nullptr) throw InternalError("a CUDA device has one slab, which is taken already");
    context_->call("reserve " + std::to_string(bytes) + " bytes of memory of the GPU", context_->table().slab_allocate,
                   context_->device(), bytes, &slab_);
    return static_cast<std::byte*>(slab_);
}

std::byte* CudaDevice::reserve_host_arena(std::size_t bytes) {
    if (host_arena_ != nullptr) throw InternalError("a CUDA device has one host arena, which is taken already");
    context_->call("reserve " + std::to_string(bytes) + " bytes of page-locked memory", context_->table().host_allocate,
                   context_->device(), bytes, &host_arena_);
    return static_cast<std::byte*>(host_arena_);
}

void CudaDevice::set_threads(int threads) {
    training_threads_->set_threads(resolved_threads(threads));
    prediction_threads_->set_threads(resolved_threads(threads));
}

int CudaDevice::threads() const {
    return training_threads_->threads();
}

}  // namespace tensile
