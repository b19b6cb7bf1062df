#include "device/cpu/cpu_device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "device/cpu/cpu_executable.h"
#include "device/cpu/cpu_stream.h"
#include "device/cpu/lowering.h"
#include "tensor/error.h"

namespace tensile {

CpuDevice::CpuDevice(int threads) : kernels_(make_kernel_table()) {
    properties_.kind = "cpu";
    properties_.instruction_set = kernel_instruction_set();
    properties_.kernel_library = OnednnLibrary::version();
    if (OnednnLibrary::instruction_set() != properties_.instruction_set)
        properties_.kernel_library += " on " + std::string(OnednnLibrary::instruction_set());
    training_pool_ = std::make_shared<TilePool>(resolved_threads(threads), StreamPriority::kTraining,
                                                &OnednnLibrary::prepare_thread);
    prediction_pool_ = std::make_shared<TilePool>(resolved_threads(threads), StreamPriority::kPrediction,
                                                  &OnednnLibrary::prepare_thread);
}

CpuDevice::~CpuDevice() {
    if (slab_ != nullptr) munmap(slab_, slab_bytes_);
}

bool CpuDevice::supports(const Op& op, DType dtype) const {
    return has_kernel(kernels_, op, dtype);
}

std::unique_ptr<Executable> CpuDevice::lower(const Program& program, const LoweringOptions& options) {
    if (options.precision != Precision::kFloat32)
        throw Error(sqlstate::kFeatureNotSupported, "the CPU computes in precision \"float32\" only", {},
                    "Use option precision => 'float32', or a CUDA device (setting tensile.device).");
    return std::make_unique<CpuExecutable>(lower_program(program, options, kernels_, onednn_));
}

std::unique_ptr<Stream> CpuDevice::create_stream(StreamClass, StreamPriority priority) {
    return std::make_unique<CpuStream>(priority == StreamPriority::kTraining ? training_pool_ : prediction_pool_);
}

std::byte* CpuDevice::reserve_slab(std::size_t bytes) {
    if (slab_ != nullptr) throw InternalError("the CPU device has one slab, which is taken already");
    void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        throw Error(sqlstate::kOutOfMemory, "could not reserve address space for the tensor pool",
                    "Reserving " + std::to_string(bytes) + " bytes failed: " + std::strerror(errno) + ".");
    slab_ = static_cast<std::byte*>(address);
    slab_bytes_ = bytes;
    return slab_;
}

void CpuDevice::discard(std::byte* begin, std::size_t bytes) {
    // Pages that lie only partly in the range stay.
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page;
    const auto last = (reinterpret_cast<std::uintptr_t>(begin) + bytes) / page * page;
    if (first < last) madvise(begin + (first - reinterpret_cast<std::uintptr_t>(begin)), last - first, MADV_DONTNEED);
}

void CpuDevice::set_threads(int threads) {
    training_pool_->set_threads(resolved_threads(threads));
    prediction_pool_->set_threads(resolved_threads(threads));
}

int CpuDevice::threads() const {
    return training_pool_->threads();
}

}  // namespace tensile
