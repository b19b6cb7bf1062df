#include "device/buffer_assignment.h"

#include <algorithm>

#include "graph/value_index.h"
#include "tensor/error.h"

namespace tensile {

BufferAssignment::BufferAssignment(const Program& program, std::span<const ValueId> sliced, std::uint64_t slice_bytes)
    : program_(program),
      tensor_of_storage_(program.values().size(), -1),
      sliced_(program.values().size(), false),
      last_reader_(program.values().size(), -1),
      shared_(program.values().size(), false) {
    for (std::size_t node = 0; node < program.nodes().size(); ++node)
        for (ValueId id : program.nodes()[node].inputs)
            last_reader_[at(id)] = static_cast<std::int32_t>(node);
    for (std::size_t i = 0; i < program.values().size(); ++i) {
        const ValueId storage = program.storage_of({static_cast<std::int32_t>(i)});
        if (at(storage) != i) shared_[at(storage)] = shared_[i] = true;
    }
    // What is fed, read back or kept exists whether or not a node uses it.
    for (ValueId id : program.inputs())
        tensor_of(id);
    for (ValueId id : program.variables())
        if (std::ranges::find(sliced, id) != sliced.end())
            add_slices(id, slice_bytes);
        else
            tensor_of(id);
    for (std::size_t i = 0; i < program.values().size(); ++i)
        if (program.values()[i].kind == ValueKind::kConstant) tensor_of({static_cast<std::int32_t>(i)});
}

std::string BufferAssignment::name_of(ValueId id) const {
    const Value& value = program_.value(id);
    if (!value.name.empty()) return value.name;
    if (value.producer < 0) return "constant_" + std::to_string(id.index);
    const Node& producer = program_.nodes()[static_cast<std::size_t>(value.producer)];
    std::string name = std::string(producer.op->name()) + "_" + std::to_string(value.producer);
    if (producer.outputs.size() > 1) {
        const auto position = std::ranges::find(producer.outputs, id) - producer.outputs.begin();
        name += "." + std::to_string(position);
    }
    return name;
}

bool BufferAssignment::is_output(ValueId id) const {
    return std::ranges::any_of(program_.outputs(), [&](const NamedValue& output) {
        return program_.storage_of(output.value) == program_.storage_of(id);
    });
}

std::int32_t BufferAssignment::tensor_of(ValueId id) {
    const ValueId storage = program_.storage_of(id);
    if (is_sliced(storage)) throw InternalError("variable \"" + name_of(storage) + "\" is used as one buffer");
    std::int32_t& index = tensor_of_storage_[at(storage)];
    if (index >= 0) return index;
    const Value& value = program_.value(storage);
    LoweredTensor tensor;
    tensor.name = name_of(storage);
    tensor.kind = lowered_kind(value.kind);
    tensor.bytes = value.type.bytes();
    tensor.value = storage;
    tensor.is_output = is_output(storage);
    index = static_cast<std::int32_t>(tensors_.size());
    tensors_.push_back(std::move(tensor));
    return index;
}

bool BufferAssignment::is_sliced(ValueId id) const {
    return sliced_[at(program_.storage_of(id))];
}

std::int32_t BufferAssignment::slice_of(ValueId id, std::uint64_t number) const {
    return tensor_of_storage_[at(program_.storage_of(id))] + static_cast<std::int32_t>(number);
}

void BufferAssignment::add_slices(ValueId variable, std::uint64_t slice_bytes) {
    sliced_[at(variable)] = true;
    tensor_of_storage_[at(variable)] = static_cast<std::int32_t>(tensors_.size());
    const std::uint64_t bytes = program_.value(variable).type.bytes();
    for (std::uint64_t begin = 0; begin < bytes; begin += slice_bytes)
        tensors_.push_back({name_of(variable) + "[" + std::to_string(begin / slice_bytes) + "]", LoweredKind::kVariable,
                            std::min(slice_bytes, bytes - begin), variable, false, begin});
}

bool BufferAssignment::reuse(ValueId result, ValueId input, std::int32_t node) {
    const auto plain = [&](ValueId id) { return program_.value(id).kind == ValueKind::kResult && !shared_[at(id)]; };
    const Node& reader = program_.nodes()[static_cast<std::size_t>(node)];
    if (!plain(result) || !plain(input) || is_output(input) || last_reader_[at(input)] != node ||
        std::ranges::count(reader.inputs, input) != 1 ||
        program_.value(result).type.bytes() != program_.value(input).type.bytes() ||
        tensor_of_storage_[at(result)] >= 0)
        return false;
    const std::int32_t index = tensor_of(input);
    tensor_of_storage_[at(result)] = index;
    LoweredTensor& tensor = tensors_[static_cast<std::size_t>(index)];
    tensor.name = name_of(result);
    tensor.value = result;
    tensor.is_output = is_output(result);
    return true;
}

std::int32_t BufferAssignment::add_scratch(std::string name, std::uint64_t bytes) {
    tensors_.push_back({std::move(name), LoweredKind::kScratch, bytes, {}, false});
    return static_cast<std::int32_t>(tensors_.size() - 1);
}

void BufferAssignment::grow(std::int32_t tensor, std::uint64_t bytes) {
    std::uint64_t& size = tensors_[static_cast<std::size_t>(tensor)].bytes;
    size = std::max(size, bytes);
}

}  // namespace tensile
