// Handles of cuDNN; see cudnn.h. Its convolutions are in convolution.cpp.
#include "unit/cuda/emulation/cudnn.h"

#include <memory>

#include "unit/cuda/emulation/emulation.h"

struct EmulatedCudnn {
    cudaStream_t stream = nullptr;
};

std::size_t cudnnGetVersion() {
    return 91300;
}

const char* cudnnGetErrorString(cudnnStatus_t status) {
    return status == CUDNN_STATUS_BAD_PARAM ? "CUDNN_STATUS_BAD_PARAM" : "an emulated status";
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
    *handle = std::make_unique<EmulatedCudnn>().release();
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    const std::unique_ptr<EmulatedCudnn> owned(handle);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

cudaStream_t cudnn_stream(cudnnHandle_t handle) {
    return handle->stream;
}
