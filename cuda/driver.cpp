// Finds the driver; see driver.h.
#include "cuda/driver.h"

#include <cuda_runtime.h>

#include <fstream>

#include "cuda/error.h"

namespace tensile::cuda {

namespace {

// CUDA's version that the driver was made for; 0: no driver.
int driver_version() {
    int version = 0;
    // Without libcuda the run-time library reports success and version 0, or that the driver is insufficient.
    const cudaError_t result = cudaDriverGetVersion(&version);
    cudaGetLastError();
    return result == cudaSuccess ? version : 0;
}

// "580.65.06", or nothing.
std::string kernel_module_version() {
    std::ifstream file("/sys/module/nvidia/version");
    std::string version;
    std::getline(file, version);
    return version;
}

}  // namespace

std::string cuda_version(int number) {
    return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

std::string driver_description() {
    const std::string module = kernel_module_version();
    return "driver " + (module.empty() ? std::string() : module + ", ") + "CUDA " + cuda_version(driver_version());
}

int device_count() {
    const int version = driver_version();
    if (version == 0)
        throw PluginError(TENSILE_NO_DRIVER, "no NVIDIA driver is installed (libcuda.so.1 was not found)");
    int count = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);
    cudaGetLastError();
    // Within one major version, an older driver serves a newer run-time library.
    if (result == cudaErrorInsufficientDriver || version / 1000 < CUDART_VERSION / 1000)
        throw PluginError(TENSILE_OLD_DRIVER, "the NVIDIA driver (" + driver_description() +
                                                  ") is too old: this plug-in needs a driver for CUDA " +
                                                  cuda_version(CUDART_VERSION / 1000 * 1000) + " or newer");
    if (result == cudaErrorNoDevice || (result == cudaSuccess && count == 0))
        throw PluginError(TENSILE_NO_DRIVER, "the NVIDIA driver (" + driver_description() + ") reports no device");
    check(result, "counting devices");
    return count;
}

}  // namespace tensile::cuda
