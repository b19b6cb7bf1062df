// Variables that are stored in slices: which may be, and how an elementwise update is cut into one op a slice. Shared
// by the lowerings of all devices.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/buffer_assignment.h"
#include "device/device.h"
#include "device/tensor_use.h"
#include "graph/program.h"

namespace tensile {

// The variables that the options ask to be sliced. Throws InternalError when one of them cannot be.
std::span<const ValueId> sliced_variables(const Program& program, const LoweringOptions& options);

// A node's tensors for one slice, in the order of its inputs and outputs.
struct UpdateSlice {
    std::vector<TensorUse> inputs;
    std::vector<TensorUse> outputs;
};

bool uses_slices(const Node& node, const BufferAssignment& buffers);

// Of a node that uses sliced variables: its slices, from the first element to the last.
std::vector<UpdateSlice> slice_update(const Program& program, const Node& node, BufferAssignment& buffers,
                                      std::uint64_t slice_bytes);

}  // namespace tensile
