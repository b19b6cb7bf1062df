#include "device/cuda/plugin_status.h"

#include <cstring>
#include <string>

namespace tensile {

namespace {

// What the plug-in says, if it says anything, as a full sentence.
std::string sentence(const TensileStatus& status) {
    const std::string text(status.message, strnlen(status.message, sizeof status.message));
    return text.empty() ? text : "The CUDA plug-in reports: " + text + (text.back() == '.' ? "" : ".");
}

}  // namespace

TensileStatus empty_status() {
    TensileStatus status{};
    status.size = sizeof status;
    return status;
}

Error error_of(const TensileStatus& status, std::string_view attempt) {
    const std::string message = "could not " + std::string(attempt);
    switch (status.code) {
    case TENSILE_NO_DRIVER:
        return {sqlstate::kSystemError, message + ": no NVIDIA driver", sentence(status),
                "Install the driver and check it with nvidia-smi, or set tensile.device to 'cpu'."};
    case TENSILE_OLD_DRIVER:
        return {sqlstate::kSystemError, message + ": the NVIDIA driver is too old", sentence(status),
                "Update the driver, or set tensile.device to 'cpu'."};
    case TENSILE_NO_DEVICE:
        return {sqlstate::kInvalidParameterValue, message + ": no such device", sentence(status),
                "nvidia-smi -L lists the devices of this machine."};
    case TENSILE_OUT_OF_MEMORY:
        return {sqlstate::kOutOfMemory, message + ": out of memory", sentence(status),
                "Other processes may hold memory of the device; nvidia-smi lists them."};
    case TENSILE_UNSUPPORTED:
        return {sqlstate::kFeatureNotSupported, message + ": not supported on this device", sentence(status),
                "Setting tensile.device to 'cpu' runs it on the CPU."};
    case TENSILE_FAULT:
        return {sqlstate::kIoError, message + ": the GPU reported an error", sentence(status)};
    default:
        return {sqlstate::kInternalError, message, sentence(status)};
    }
}

}  // namespace tensile
