// Checks of results; see error.h.
#include "cuda/error.h"

namespace tensile::cuda {

namespace {

// Errors after which the context can only be thrown away: every later call of the process returns them again.
bool is_sticky(cudaError_t result) {
    switch (result) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorMpsClientTerminated:
    case cudaErrorUnknown:
        return true;
    default:
        return false;
    }
}

TensileCode code_of(cudaError_t result) {
    switch (result) {
    case cudaErrorMemoryAllocation:
        return TENSILE_OUT_OF_MEMORY;
    case cudaErrorInsufficientDriver:
        return TENSILE_OLD_DRIVER;
    case cudaErrorNoDevice:
        return TENSILE_NO_DRIVER;
    case cudaErrorInvalidDevice:
        return TENSILE_NO_DEVICE;
    case cudaErrorNoKernelImageForDevice:
        return TENSILE_UNSUPPORTED;
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorInvalidResourceHandle:
        return TENSILE_INVALID;
    default:
        return TENSILE_FAULT;
    }
}

std::string describe(cudaError_t result, const char* what) {
    return std::string(what) + ": " + cudaGetErrorString(result) + " (" + cudaGetErrorName(result) + ")";
}

}  // namespace

void check(cudaError_t result, const char* what) {
    if (result == cudaSuccess) return;
    // The run-time library also remembers the error for the next cudaGetLastError(), which is not ours to find.
    cudaGetLastError();
    throw PluginError(code_of(result), describe(result, what), is_sticky(result));
}

void check_launch(const char* kernel) {
    check(cudaGetLastError(), kernel);
}

void check(cublasStatus_t result, const char* what) {
    if (result == CUBLAS_STATUS_SUCCESS) return;
    // The library hides what the device said; an error of the device is the better message, and tells if it is sticky.
    check(cudaGetLastError(), what);
    const bool unsupported = result == CUBLAS_STATUS_NOT_SUPPORTED || result == CUBLAS_STATUS_ARCH_MISMATCH;
    const TensileCode code = unsupported                             ? TENSILE_UNSUPPORTED
                             : result == CUBLAS_STATUS_ALLOC_FAILED  ? TENSILE_OUT_OF_MEMORY
                             : result == CUBLAS_STATUS_INVALID_VALUE ? TENSILE_INVALID
                                                                     : TENSILE_FAULT;
    throw PluginError(code, std::string(what) + ": " + cublasLtGetStatusString(result));
}

void check(cudnnStatus_t result, const char* what) {
    if (result == CUDNN_STATUS_SUCCESS) return;
    check(cudaGetLastError(), what);
    TensileCode code = TENSILE_FAULT;
    // cuDNN 9 numbers its errors by category: 2000 a mistake of the caller, 3000 not supported, 4000 internal.
    if (result >= 2000 && result < 3000) code = TENSILE_INVALID;
    if (result >= 3000 && result < 4000) code = TENSILE_UNSUPPORTED;
    throw PluginError(code, std::string(what) + ": " + cudnnGetErrorString(result));
}

}  // namespace tensile::cuda
