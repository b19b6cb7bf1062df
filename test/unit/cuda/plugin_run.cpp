#include "unit/cuda/plugin_run.h"

#include <algorithm>
#include <cstring>

#include "tensor/error.h"

namespace tensile::test {

namespace {

TensileTensorType table_type(const TensorType& type) {
    TensileTensorType result{};
    result.dtype = static_cast<TensileDType>(type.dtype);
    result.rank = type.shape.rank();
    for (int axis = 0; axis < type.shape.rank(); ++axis)
        result.dims[axis] = type.shape[axis];
    result.extent_slot = type.shape.extent_slot();
    return result;
}

TensileAttribute table_attribute(const std::string& name, const Attribute& value) {
    TensileAttribute result{};
    result.name = name.c_str();
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        result.kind = TENSILE_INTEGER;
        result.integer = *integer;
    } else if (const auto* number = std::get_if<double>(&value)) {
        result.kind = TENSILE_NUMBER;
        result.number = *number;
    } else {
        const auto& integers = std::get<std::vector<std::int64_t>>(value);
        result.kind = TENSILE_INTEGERS;
        result.integers = integers.data();
        result.integer_count = integers.size();
    }
    return result;
}

}  // namespace

const TensileDeviceTable& plugin_table() {
    return *tensile_device_table(TENSILE_DEVICE_ABI_VERSION);
}

void require(std::int32_t code, const Status& status) {
    if (code != TENSILE_OK) throw InternalError(status.text());
}

DevicePointer open_device() {
    Status status;
    TensileDevice* device = nullptr;
    require(plugin_table().open(0, &device, &status), status);
    return DevicePointer(device);
}

StreamPointer create_stream(TensileDevice* device, TensileStreamClass stream_class) {
    Status status;
    TensileStream* stream = nullptr;
    require(plugin_table().stream_create(device, stream_class, 0, &stream, &status), status);
    return StreamPointer(stream);
}

NodeProblem::NodeProblem(const Program& program, const Node& node) {
    for (const ValueId input : node.inputs)
        inputs_.push_back(table_type(program.value(input).type));
    for (const ValueId output : node.outputs)
        outputs_.push_back(table_type(program.value(output).type));
    for (const auto& [name, value] : node.attributes.entries())
        attributes_.push_back(table_attribute(name, value));
    problem_.size = sizeof problem_;
    problem_.name = node.op->name().data();
    problem_.inputs = inputs_.data();
    problem_.input_count = inputs_.size();
    problem_.outputs = outputs_.data();
    problem_.output_count = outputs_.size();
    problem_.attributes = attributes_.data();
    problem_.attribute_count = attributes_.size();
    problem_.precision = TENSILE_FLOAT32;
    problem_.deterministic = 1;
}

void NodeProblem::set_choice(std::span<const std::uint8_t> choice) {
    choice_.assign(choice.begin(), choice.end());
    problem_.choice = choice_.data();
    problem_.choice_bytes = choice_.size();
}

DeviceBuffer::DeviceBuffer(TensileDevice* device, std::size_t bytes) : device_(device) {
    Status status;
    require(plugin_table().slab_allocate(device, bytes, &address_, &status), status);
    std::memset(address_, 0xFF, bytes);  // four of these are a NaN
}

DeviceBuffer::~DeviceBuffer() {
    plugin_table().slab_free(device_, address_);
}

PluginRun::PluginRun(TensileDevice* device, const Program& program, TensilePrecision precision, bool row_invariant)
    : device_(device), program_(program), extents_(program.extents().size(), 0) {
    buffers_.resize(program.values().size());
    addresses_.resize(program.values().size(), nullptr);
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(program.values().size()); ++i) {
        const Value& value = program.value({i});
        if (program.storage_of({i}).index != i) continue;
        const auto index = static_cast<std::size_t>(i);
        buffers_[index] = std::make_unique<DeviceBuffer>(device, value.type.bytes());
        addresses_[index] = buffers_[index]->data();
        std::ranges::copy(value.data, addresses_[index]);
    }
    for (const Node& node : program.nodes()) {
        Launch& launch = launches_.emplace_back();
        launch.problem = std::make_unique<NodeProblem>(program, node);
        launch.problem->set_precision(precision);
        launch.problem->set_row_invariant(row_invariant);
        prepare(launch);
    }
}

void PluginRun::prepare(Launch& launch) {
    Status status;
    TensileKernel* kernel = nullptr;
    launch.info = {};
    launch.info.size = sizeof launch.info;
    require(plugin_table().prepare(device_, &launch.problem->get(), &kernel, &launch.info, &status), status);
    launch.kernel.reset(kernel);
    launch.scratch = std::make_unique<DeviceBuffer>(device_, launch.info.scratch_bytes);
}

void PluginRun::prepare_again() {
    for (Launch& launch : launches_) {
        launch.problem->set_choice({launch.info.choice, launch.info.choice_bytes});
        prepare(launch);
    }
}

std::byte* PluginRun::address(ValueId id) const {
    return addresses_[static_cast<std::size_t>(program_.storage_of(id).index)];
}

TensorView PluginRun::view(ValueId id) const {
    const TensorType& type = program_.value(id).type;
    const Shape& shape = type.shape;
    const std::int64_t extent =
        shape.is_bounded() ? extents_[static_cast<std::size_t>(shape.extent_slot())] : shape.rows();
    return {address(id), type, extent};
}

ValueId PluginRun::source(const std::string& name) const {
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(program_.values().size()); ++i)
        if (program_.value({i}).name == name && program_.value({i}).kind != ValueKind::kResult) return {i};
    throw InternalError("no input or variable " + name);
}

TensorView PluginRun::tensor(const std::string& name) {
    return view(source(name));
}

void PluginRun::set_address(const std::string& name, std::byte* address) {
    addresses_[static_cast<std::size_t>(source(name).index)] = address;
}

TensorView PluginRun::output(const std::string& name) {
    for (const NamedValue& output : program_.outputs())
        if (output.name == name) return view(output.value);
    throw InternalError("no output " + name);
}

bool PluginRun::overwrite_input(int input) {
    const Node& node = program_.nodes().back();
    // There are bits for as many.
    if (input >= 64 || (launches_.back().info.overwritable_inputs >> input & 1U) == 0) return false;
    const ValueId output = node.outputs[0];
    const ValueId overwritten = node.inputs[static_cast<std::size_t>(input)];
    if (program_.value(output).type.bytes() != program_.value(overwritten).type.bytes()) return false;
    addresses_[static_cast<std::size_t>(program_.storage_of(output).index)] = address(overwritten);
    return true;
}

void PluginRun::run(TensileStream* stream) {
    for (std::size_t i = 0; i < launches_.size(); ++i) {
        const Node& node = program_.nodes()[i];
        std::vector<const void*> inputs;
        std::vector<void*> outputs;
        for (const ValueId input : node.inputs)
            inputs.push_back(address(input));
        for (const ValueId output : node.outputs)
            outputs.push_back(address(output));
        Status status;
        require(plugin_table().launch(stream, launches_[i].kernel.get(), inputs.data(), outputs.data(),
                                      launches_[i].scratch->data(), extents_.data(), &status),
                status);
    }
}

}  // namespace tensile::test
