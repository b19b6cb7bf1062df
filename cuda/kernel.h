// A kernel: one op of a program made ready for one device, launched on a stream as often as wanted.
//
// A kernel is made by the function that kernel_registry.h has for the op's name. It decides everything from the problem
// alone and keeps no device memory: what it needs beside its operands it states as scratch. Immutable, so several
// streams may launch it at once. Every kernel gives the same bits in every launch: reductions run in a fixed order, and
// floating-point atomics are not used.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>
#include <cudnn.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "cuda/op_problem.h"

namespace tensile::cuda {

// What libraries need of the device for preparing; handles live as long as the device.
struct DeviceContext {
    cublasLtHandle_t cublas_lt = nullptr;
    cudnnHandle_t cudnn = nullptr;  // for questions, not for launches
    int multiprocessors = 0;
};

// What a launch enqueues on.
struct StreamContext {
    cudaStream_t stream = nullptr;
    cublasLtHandle_t cublas_lt = nullptr;
    cudnnHandle_t cudnn = nullptr;  // the stream's own
};

struct KernelArguments {
    const void* const* inputs = nullptr;
    void* const* outputs = nullptr;
    std::byte* scratch = nullptr;           // scratch_bytes(), 256-byte aligned
    const std::int64_t* extents = nullptr;  // by extent slot; host memory
    const StreamContext& stream;

    template <typename T>
    const T* input(int index) const {
        return static_cast<const T*>(inputs[index]);
    }
    template <typename T>
    T* output(int index) const {
        return static_cast<T*>(outputs[index]);
    }
};

class Kernel {
  public:
    virtual ~Kernel() = default;
    virtual std::size_t scratch_bytes() const { return 0; }
    // Bit i: output 0 may lie in the buffer of input i.
    virtual std::uint64_t overwritable_inputs() const { return 0; }
    // The algorithm chosen, for OpProblem::choice another time; at most TENSILE_CHOICE_BYTES.
    virtual std::span<const std::uint8_t> choice() const { return {}; }
    // Enqueues; throws PluginError. Allocates nothing.
    virtual void launch(const KernelArguments& arguments) const = 0;
};

}  // namespace tensile::cuda
