// What the lowerings of all devices share: a tensor as a node sees it.
#pragma once

#include <cstdint>

#include "tensor/tensor_type.h"

namespace tensile {

// The buffer a tensor lives in and the type under which a node reads or writes it.
struct TensorUse {
    std::int32_t tensor = -1;  // index into LoweredProgram::tensors
    TensorType type;
    std::uint64_t offset = 0;  // of what the node sees, in the buffer
};

}  // namespace tensile
