// What the lowerings of all devices share: a tensor as a node sees it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tensor/tensor_type.h"

namespace tensile {

// The buffer a tensor lives in and the type under which a node reads or writes it.
struct TensorUse {
    std::int32_t tensor = -1;  // index into LoweredProgram::tensors
    TensorType type;
    std::uint64_t offset = 0;  // of what the node sees, in the buffer
};

// Adds to the tensors that an op reads or writes (LoweredOp) one that it may use several times.
inline void add_once(std::vector<std::int32_t>& list, std::int32_t tensor) {
    if (std::ranges::find(list, tensor) == list.end()) list.push_back(tensor);
}

}  // namespace tensile
