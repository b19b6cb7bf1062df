#include "device/cuda/cuda_context.h"

#include <string>

namespace tensile {

CudaContext::CudaContext(std::shared_ptr<const PluginLibrary> library, int ordinal, DeviceFaultHandler on_fault)
    : library_(std::move(library)), on_fault_(std::move(on_fault)) {
    const std::string attempt = "open CUDA device " + std::to_string(ordinal);
    std::int32_t count = 0;
    call(attempt, table().device_count, &count);
    if (ordinal < 0 || ordinal >= count)
        throw Error(sqlstate::kInvalidParameterValue, "CUDA device " + std::to_string(ordinal) + " does not exist",
                    count == 0
                        ? "This machine has no CUDA device."
                        : "The CUDA devices of this machine are numbered from 0 to " + std::to_string(count - 1) + ".",
                    "nvidia-smi -L lists the devices of this machine.");
    call(attempt, table().open, ordinal, &device_);
}

CudaContext::~CudaContext() {
    table().close(device_);
}

void CudaContext::fail(const TensileStatus& status, std::string_view attempt) const {
    const Error error = error_of(status, attempt);
    if (status.sticky != 0 && on_fault_) on_fault_(error);
    throw error;
}

}  // namespace tensile
