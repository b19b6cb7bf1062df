#include "unit/cuda/plugin_run.h"

#include <algorithm>
#include <cstring>

#include "tensor/error.h"

namespace tensile::test {

namespace {

std::vector<TensorType> types_of(const Program& program, const std::vector<ValueId>& ids) {
    std::vector<TensorType> types;
    for (const ValueId id : ids)
        types.push_back(program.value(id).type);
    return types;
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

NodeProblem::NodeProblem(const Program& program, const Node& node)
    : of_engine_(*node.op, node.attributes, types_of(program, node.inputs), types_of(program, node.outputs), {}),
      problem_(of_engine_.view()) {}

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
