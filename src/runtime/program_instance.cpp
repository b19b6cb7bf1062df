// From a program to something that runs at an address; see program_instance.h.
#include "runtime/program_instance.h"

#include <cstring>
#include <string>

#include "planner/checker.h"
#include "planner/liveness.h"
#include "tensor/error.h"

namespace tensile {

namespace {

constexpr std::int32_t kNoTensor = -1;

// The lowered tensor that stores each program value; the first one where a device keeps copies in other layouts.
std::vector<std::int32_t> tensors_by_value(const Program& program, const LoweredProgram& lowered) {
    std::vector<std::int32_t> tensors(program.values().size(), kNoTensor);
    for (std::size_t i = 0; i < lowered.tensors.size(); ++i) {
        const ValueId value = lowered.tensors[i].value;
        if (!value.valid()) continue;
        std::int32_t& slot = tensors.at(static_cast<std::size_t>(value.index));
        if (slot == kNoTensor) slot = static_cast<std::int32_t>(i);
    }
    return tensors;
}

class Lookup {
  public:
    Lookup(const PlannedProgram& planned)
        : planned_(planned), tensors_(tensors_by_value(planned.program, planned.executable->lowered())) {}

    // The tensor of `value`, which must be of `kind` and have room for the value.
    std::int32_t find(ValueId value, const std::string& name) const {
        const ValueId storage = planned_.program.storage_of(value);
        const std::int32_t tensor = tensors_[static_cast<std::size_t>(storage.index)];
        if (tensor == kNoTensor)
            throw InternalError("lowering of program \"" + planned_.program.name() + "\" has lost \"" + name + "\"");
        const LoweredTensor& lowered = planned_.executable->lowered().tensors[static_cast<std::size_t>(tensor)];
        if (lowered.bytes < planned_.program.value(value).type.bytes())
            throw InternalError("lowering of program \"" + planned_.program.name() + "\" has made \"" + name +
                                "\" too small");
        return tensor;
    }

  private:
    const PlannedProgram& planned_;
    std::vector<std::int32_t> tensors_;
};

void place_constants(PlannedProgram& planned) {
    const LoweredProgram& lowered = planned.executable->lowered();
    planned.constant_offsets.assign(lowered.tensors.size(), kNoOffset);
    for (std::size_t i = 0; i < lowered.tensors.size(); ++i) {
        const LoweredTensor& tensor = lowered.tensors[i];
        if (tensor.kind != LoweredKind::kConstant) continue;
        if (!tensor.value.valid() || planned.program.value(tensor.value).data.size() > tensor.bytes)
            throw InternalError("lowering of program \"" + planned.program.name() +
                                "\" has made a constant of nothing");
        planned.constant_offsets[i] = planned.constant_bytes;
        planned.constant_bytes += aligned_size(tensor.bytes);
    }
}

}  // namespace

TensorView view_of(const TensorType& type, std::byte* data) {
    return {data, type, type.shape.rows()};
}

void clear_rows_from(const TensorView& tensor, std::int64_t extent) noexcept {
    const Shape& shape = tensor.type.shape;
    if (extent >= shape.rows()) return;
    const auto row_bytes = static_cast<std::size_t>(shape.row_width()) * size_of(tensor.type.dtype);
    std::memset(tensor.as<std::byte>() + static_cast<std::size_t>(extent) * row_bytes, 0,
                static_cast<std::size_t>(shape.rows() - extent) * row_bytes);
}

std::shared_ptr<const PlannedProgram> plan_program(Device& device, Program program, const LoweringOptions& options) {
    auto planned = std::make_shared<PlannedProgram>();
    planned->program = std::move(program);
    planned->executable = device.lower(planned->program, options);
    const LoweredProgram& lowered = planned->executable->lowered();
    planned->plan = plan_in_place(lowered);
    check_plan(lowered, planned->plan);
    place_constants(*planned);

    const Lookup lookup(*planned);
    const Program& source = planned->program;
    for (const ValueId input : source.inputs())
        planned->input_tensors.push_back(lookup.find(input, source.value(input).name));
    for (const NamedValue& output : source.outputs()) {
        const std::int32_t tensor = lookup.find(output.value, output.name);
        const LoweredTensor& stored = lowered.tensors[static_cast<std::size_t>(tensor)];
        if (is_transient(stored.kind) && !stored.is_output)
            throw InternalError("lowering of program \"" + source.name() + "\" does not keep output \"" + output.name +
                                "\"");
        planned->output_tensors.push_back(tensor);
    }
    for (const ValueId variable : source.variables())
        planned->variable_tensors.push_back(lookup.find(variable, source.value(variable).name));
    return planned;
}

ProgramInstance::ProgramInstance(std::shared_ptr<const PlannedProgram> planned, std::byte* transient,
                                 std::span<std::byte* const> variables)
    : ProgramInstance(std::move(planned), transient, nullptr, variables) {}

ProgramInstance::ProgramInstance(std::shared_ptr<const PlannedProgram> planned, std::byte* transient,
                                 std::byte* constants, std::span<std::byte* const> variables)
    : planned_(std::move(planned)) {
    if (constants == nullptr) constants = transient + planned_->plan.extent_bytes;
    const Program& program = planned_->program;
    const LoweredProgram& lowered = planned_->executable->lowered();
    if (variables.size() != program.variables().size())
        throw InternalError("program \"" + program.name() + "\" is bound to a wrong number of variables");

    const std::vector<std::int32_t> places = last_places(lowered, planned_->plan);
    std::vector<std::byte*> addresses(lowered.tensors.size(), nullptr);
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        if (places[i] >= 0)
            addresses[i] = transient + planned_->plan.places[static_cast<std::size_t>(places[i])].offset;
        if (planned_->constant_offsets[i] == kNoOffset) continue;
        addresses[i] = constants + planned_->constant_offsets[i];
        const std::vector<std::byte>& data = program.value(lowered.tensors[i].value).data;
        std::memcpy(addresses[i], data.data(), data.size());
    }
    for (std::size_t i = 0; i < variables.size(); ++i)
        addresses[static_cast<std::size_t>(planned_->variable_tensors[i])] = variables[i];
    for (std::size_t i = 0; i < addresses.size(); ++i)
        if (addresses[i] == nullptr)
            throw InternalError("tensor \"" + lowered.tensors[i].name + "\" of program \"" + program.name() +
                                "\" has no address");
    binding_ = planned_->executable->bind(addresses);

    for (std::size_t i = 0; i < program.inputs().size(); ++i)
        inputs_.push_back(view_of(program.value(program.inputs()[i]).type,
                                  addresses[static_cast<std::size_t>(planned_->input_tensors[i])]));
    for (std::size_t i = 0; i < program.outputs().size(); ++i)
        outputs_.push_back(view_of(program.value(program.outputs()[i].value).type,
                                   addresses[static_cast<std::size_t>(planned_->output_tensors[i])]));
    extents_.resize(program.extents().size());
    for (const Value& value : program.values())
        if (value.type.shape.is_bounded())
            extents_[static_cast<std::size_t>(value.type.shape.extent_slot())] = value.type.shape.rows();
}

ProgramInstance::~ProgramInstance() = default;

void ProgramInstance::clear_unused_rows() noexcept {
    for (const TensorView& input : inputs_) {
        const Shape& shape = input.type.shape;
        if (shape.is_bounded()) clear_rows_from(input, extents_[static_cast<std::size_t>(shape.extent_slot())]);
    }
}

LaunchStatus ProgramInstance::run(Stream& stream, const StopFlag* stop) {
    const LaunchContext context{extents_, stop};
    // The list is one of the orders that the plan allows; on one in-order stream the waits and releases are implied.
    for (const Action& action : planned_->plan.actions) {
        if (action.kind != ActionKind::kRun) continue;
        const LaunchStatus status = stream.launch(*binding_, action.subject, context);
        if (status == LaunchStatus::kStopped) {
            stream.synchronize();
            return status;
        }
    }
    stream.synchronize();
    for (TensorView& output : outputs_) {
        const Shape& shape = output.type.shape;
        if (shape.is_bounded()) output.extent = extents_[static_cast<std::size_t>(shape.extent_slot())];
    }
    return LaunchStatus::kCompleted;
}

}  // namespace tensile
