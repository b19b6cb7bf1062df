#include "device/update_slices.h"

#include <algorithm>

#include "graph/element_updates.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::uint64_t kAlignment = 64;

}  // namespace

std::span<const ValueId> sliced_variables(const Program& program, const LoweringOptions& options) {
    if (options.sliced_variables.empty()) return {};
    const bool are_allowed = std::ranges::all_of(
        options.sliced_variables, [&](ValueId variable) { return is_updated_by_element(program, variable); });
    if (!options.split_chains || options.slice_bytes == 0 || options.slice_bytes % kAlignment != 0 || !are_allowed)
        throw InternalError("variables of program \"" + program.name() + "\" cannot be sliced as asked");
    return options.sliced_variables;
}

bool uses_slices(const Node& node, const BufferAssignment& buffers) {
    return std::ranges::any_of(node.inputs, [&](ValueId id) { return buffers.is_sliced(id); });
}

std::vector<UpdateSlice> slice_update(const Program& program, const Node& node, BufferAssignment& buffers,
                                      std::uint64_t slice_bytes) {
    const TensorType& whole = program.value(node.outputs[0]).type;
    const auto element_bytes = static_cast<std::int64_t>(size_of(whole.dtype));
    const std::int64_t most = static_cast<std::int64_t>(slice_bytes) / element_bytes;
    std::vector<UpdateSlice> slices;
    for (std::int64_t begin = 0; begin < whole.shape.elements(); begin += most) {
        UpdateSlice slice;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const ValueId id = node.inputs[i];
            const TensorType& type = program.value(id).type;
            if (!node.op->updates_by_element(static_cast<int>(i))) {
                slice.inputs.push_back({buffers.tensor_of(id), type});
                continue;
            }
            const TensorType part{type.dtype, {std::min(most, whole.shape.elements() - begin)}};
            if (buffers.is_sliced(id))
                slice.inputs.push_back({buffers.slice_of(id, static_cast<std::uint64_t>(begin / most)), part});
            else
                slice.inputs.push_back(
                    {buffers.tensor_of(id), part, static_cast<std::uint64_t>(begin * element_bytes)});
        }
        slice.outputs.resize(node.outputs.size());
        for (const Alias& alias : node.aliases)
            slice.outputs[static_cast<std::size_t>(alias.output)] = slice.inputs[static_cast<std::size_t>(alias.input)];
        slices.push_back(std::move(slice));
    }
    return slices;
}

}  // namespace tensile
