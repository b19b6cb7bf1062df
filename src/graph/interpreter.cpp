// The reference interpreter; see interpreter.h.
#include "graph/interpreter.h"

#include <cstring>

#include "graph/value_index.h"

namespace tensile {

namespace {

// Constants are stored as f32 when floating; the interpreter holds them as T.
template <typename T>
void load_constant(const Value& value, HostTensor& tensor) {
    if (!is_floating(value.type.dtype)) {
        tensor.bytes = value.data;
        return;
    }
    if (value.type.dtype != DType::kF32) throw InternalError("interpreter cannot load a constant that is not f32");
    for (std::int64_t i = 0; i < value.type.shape.elements(); ++i) {
        float element;
        std::memcpy(&element, value.data.data() + i * std::int64_t{sizeof element}, sizeof element);
        tensor.data<T>()[i] = element;
    }
}

}  // namespace

template <typename T>
HostTensor make_host_tensor(const TensorType& type) {
    HostTensor tensor{type, {}};
    if (is_floating(type.dtype)) tensor.type.dtype = dtype_of<T>();
    tensor.bytes.resize(tensor.type.bytes());
    return tensor;
}

template HostTensor make_host_tensor<float>(const TensorType& type);
template HostTensor make_host_tensor<double>(const TensorType& type);

template <typename T>
Interpreter<T>::Interpreter(const Program& program) : program_(program), storage_(program.values().size()) {
    for (std::size_t i = 0; i < storage_.size(); ++i) {
        const Value& value = program.values()[i];
        if (at(program.storage_of(ValueId{static_cast<std::int32_t>(i)})) != i) continue;
        storage_[i] = make_host_tensor<T>(value.type);
        if (value.kind == ValueKind::kConstant) load_constant<T>(value, storage_[i]);
    }
}

template <typename T>
HostTensor& Interpreter<T>::tensor(const std::string& name) {
    for (const std::span<const ValueId> ids : {program_.inputs(), program_.variables()})
        for (ValueId id : ids)
            if (program_.value(id).name == name) return storage_[at(id)];
    throw InternalError("program \"" + program_.name() + "\" has no input or variable \"" + name + "\"");
}

template <typename T>
void Interpreter<T>::set_extent(const std::string& name, std::int64_t extent) {
    for (const std::string& known : program_.extents()) {
        if (known != name) continue;
        extents_[name] = extent;
        return;
    }
    throw InternalError("program \"" + program_.name() + "\" has no extent \"" + name + "\"");
}

template <typename T>
TensorView Interpreter<T>::view(ValueId id) {
    HostTensor& storage = storage_[at(program_.storage_of(id))];
    const Shape& shape = storage.type.shape;
    TensorView view{storage.bytes.data(), storage.type, shape.rows()};
    if (!shape.is_bounded()) return view;
    const std::string& slot = program_.extents()[static_cast<std::size_t>(shape.extent_slot())];
    if (const auto found = extents_.find(slot); found != extents_.end()) view.extent = found->second;
    if (view.extent < 0 || view.extent > shape.rows())
        throw InternalError("extent \"" + slot + "\" is out of range for a value of shape " + shape.to_string());
    return view;
}

template <typename T>
void Interpreter<T>::run() {
    for (const Node& node : program_.nodes()) {
        std::vector<TensorView> inputs;
        std::vector<TensorView> outputs;
        for (ValueId id : node.inputs)
            inputs.push_back(view(id));
        for (ValueId id : node.outputs)
            outputs.push_back(view(id));
        const KernelCall call{inputs, outputs, node.attributes};
        if constexpr (std::is_same_v<T, float>) {
            node.op->reference_f32(call);
        } else {
            node.op->reference_f64(call);
        }
    }
}

template <typename T>
const HostTensor& Interpreter<T>::output(const std::string& name) const {
    for (const NamedValue& output : program_.outputs())
        if (output.name == name) return storage_[at(program_.storage_of(output.value))];
    throw InternalError("program \"" + program_.name() + "\" has no output \"" + name + "\"");
}

template class Interpreter<float>;
template class Interpreter<double>;

}  // namespace tensile
