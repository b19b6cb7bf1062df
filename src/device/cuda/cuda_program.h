// A lowered program as a CUDA device runs it: for each lowered op its kernel and where the kernel's pointers come from.
// Built by the lowering, immutable afterwards, shared by all bindings. Pure description: no addresses, no streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device/cuda/cuda_kernels.h"
#include "graph/lowered.h"

namespace tensile {

// An op's pointers lie side by side in one list of the program: inputs, outputs, scratch.
struct CudaOp {
    std::shared_ptr<const CudaKernel> kernel;
    std::size_t inputs = 0;   // position of the first input's pointer
    std::size_t outputs = 0;  // of the first output's
    std::size_t scratch = 0;  // of the scratch's, where it has some
    std::size_t end = 0;
    bool has_scratch = false;
    double seconds = 0;  // expected on this device, rather too many

    // Enqueues it; `pointers` are a binding's. Returns the plug-in's code.
    std::int32_t launch(const TensileDeviceTable& table, std::span<void* const> pointers, TensileStream* stream,
                        std::span<const std::int64_t> extents, TensileStatus* status) const {
        return table.launch(stream, kernel->get(), pointers.data() + inputs, pointers.data() + outputs,
                            has_scratch ? pointers[scratch] : nullptr, extents.data(), status);
    }
};

// Where the address of a tensor goes.
struct CudaPointer {
    std::size_t position = 0;
    std::uint64_t offset = 0;       // of what the op sees, in the tensor
    std::uintptr_t alignment = 64;  // of the pointer; where tensors are not aligned so, there is room to round up
};

struct CudaProgram {
    std::shared_ptr<const CudaContext> context;
    LoweredProgram lowered;
    std::vector<CudaOp> ops;
    std::vector<std::vector<CudaPointer>> pointers;  // by tensor
    std::size_t pointer_count = 0;
};

}  // namespace tensile
