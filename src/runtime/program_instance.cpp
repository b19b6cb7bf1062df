// From a program to something that runs at an address; see program_instance.h.
#include "runtime/program_instance.h"

#include <cstring>
#include <string>

#include "planner/checker.h"
#include "planner/liveness.h"
#include "runtime/event_plan_executor.h"
#include "runtime/finish_guard.h"
#include "runtime/lane_plan_executor.h"
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

// The tensor or the slices that store a variable.
void append_variable(PlannedProgram& planned, ValueId variable) {
    const LoweredProgram& lowered = planned.executable->lowered();
    const std::uint64_t bytes = planned.program.value(variable).type.bytes();
    std::uint64_t end = 0;
    // Slices lie in order; a tensor that begins elsewhere is a copy in another layout.
    for (std::size_t i = 0; i < lowered.tensors.size() && end < bytes; ++i) {
        const LoweredTensor& tensor = lowered.tensors[i];
        if (tensor.value != variable || tensor.value_offset != end) continue;
        planned.variable_tensors.push_back(static_cast<std::int32_t>(i));
        end += tensor.bytes;
    }
    if (end < bytes)
        throw InternalError("lowering of program \"" + planned.program.name() + "\" has lost \"" +
                            planned.program.value(variable).name + "\"");
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

std::shared_ptr<PlannedProgram> prepare_program(Device& device, Program program, const LoweringOptions& options) {
    auto planned = std::make_shared<PlannedProgram>();
    planned->program = std::move(program);
    planned->executable = device.lower(planned->program, options);
    const LoweredProgram& lowered = planned->executable->lowered();
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
        append_variable(*planned, variable);
    return planned;
}

std::shared_ptr<const PlannedProgram> plan_program(Device& device, Program program, const LoweringOptions& options) {
    std::shared_ptr<PlannedProgram> planned = prepare_program(device, std::move(program), options);
    const LoweredProgram& lowered = planned->executable->lowered();
    planned->plan = plan_in_place(lowered);
    check_plan(lowered, planned->plan);
    return planned;
}

ProgramInstance::ProgramInstance(std::shared_ptr<const PlannedProgram> planned, std::byte* transient,
                                 std::span<std::byte* const> variables, DeviceBridge* bridge)
    : ProgramInstance(planned,
                      InstancePlaces{{transient, transient + planned->plan.state_bytes},
                                     transient + planned->plan.extent_bytes,
                                     variables,
                                     bridge},
                      nullptr) {}

ProgramInstance::ProgramInstance(std::shared_ptr<const PlannedProgram> planned, const InstancePlaces& places,
                                 const HostCopies* copies)
    : planned_(std::move(planned)), extent_(places.extent) {
    const Program& program = planned_->program;
    const Plan& plan = planned_->plan;
    const LoweredProgram& lowered = planned_->executable->lowered();
    if (places.variables.size() != planned_->variable_tensors.size())
        throw InternalError("program \"" + program.name() + "\" is bound to a wrong number of variables");

    outside_.resize(lowered.tensors.size(), nullptr);
    write_constants(places);
    for (std::size_t i = 0; i < places.variables.size(); ++i) {
        const auto tensor = static_cast<std::size_t>(planned_->variable_tensors[i]);
        if (plan.homes[tensor].home == Home::kNone) outside_[tensor] = places.variables[i];
    }

    // Tensors with several places are bound to one of them until a run says otherwise.
    const std::vector<std::int32_t> last = last_places(lowered, plan);
    std::vector<std::byte*> addresses = outside_;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        if (last[i] >= 0) addresses[i] = place_address(last[i]);
        if (addresses[i] == nullptr)
            throw InternalError("tensor \"" + lowered.tensors[i].name + "\" of program \"" + program.name() +
                                "\" has no address");
    }
    binding_ = planned_->executable->bind(addresses);
    if (!plan.moves_nothing()) {
        if (copies == nullptr)
            throw InternalError("program \"" + program.name() + "\" moves tensors but has no host copies");
        make_executor(*copies, places.bridge);
    }
    find_inputs_and_outputs();
    if (places.bridge != nullptr) {
        on_device_ = std::make_unique<OnDevice>(OnDevice{
            InstanceStaging(*places.bridge, inputs_, outputs_, "inputs and outputs of " + program.name()), {}});
        if (!executor_)
            for (const Action& action : plan.actions)
                on_device_->ops.push_back(action.subject);
        inputs_ = on_device_->staging.inputs();
        outputs_ = on_device_->staging.outputs();
    }

    extents_.resize(program.extents().size());
    for (const Value& value : program.values())
        if (value.type.shape.is_bounded())
            extents_[static_cast<std::size_t>(value.type.shape.extent_slot())] = value.type.shape.rows();
}

void ProgramInstance::write_constants(const InstancePlaces& places) {
    const LoweredProgram& lowered = planned_->executable->lowered();
    for (std::size_t i = 0; i < outside_.size(); ++i) {
        if (planned_->constant_offsets[i] == kNoOffset) continue;
        outside_[i] = places.constants + planned_->constant_offsets[i];
        const std::vector<std::byte>& data = planned_->program.value(lowered.tensors[i].value).data;
        if (places.bridge != nullptr)
            places.bridge->write(outside_[i], data);
        else
            std::memcpy(outside_[i], data.data(), data.size());
    }
}

// By events where the device is asynchronous and the host copies, if there are any, lie where its streams reach them.
void ProgramInstance::make_executor(const HostCopies& copies, DeviceBridge* bridge) {
    const LoweredProgram& lowered = planned_->executable->lowered();
    const Plan& plan = planned_->plan;
    if (bridge != nullptr && (copies.store == nullptr || copies.store->memory() != nullptr))
        executor_ = std::make_unique<EventPlanExecutor>(lowered, plan, *binding_, extent_, copies, *bridge);
    else
        executor_ = std::make_unique<LanePlanExecutor>(lowered, plan, *binding_, extent_, copies, bridge == nullptr);
}

std::byte* ProgramInstance::place_address(std::int32_t place) const {
    return extent_.address(planned_->plan, planned_->plan.places[static_cast<std::size_t>(place)].offset);
}

// Inputs are written at their first place, outputs read at their last.
void ProgramInstance::find_inputs_and_outputs() {
    const Program& program = planned_->program;
    const LoweredProgram& lowered = planned_->executable->lowered();
    const auto find = [&](const std::vector<std::int32_t>& places, std::int32_t tensor) {
        const std::int32_t place = places[static_cast<std::size_t>(tensor)];
        return place >= 0 ? place_address(place) : outside_[static_cast<std::size_t>(tensor)];
    };
    const std::vector<std::int32_t> first = first_places(lowered, planned_->plan);
    const std::vector<std::int32_t> last = last_places(lowered, planned_->plan);
    inputs_.clear();
    outputs_.clear();
    for (std::size_t i = 0; i < program.inputs().size(); ++i)
        inputs_.push_back(view_of(program.value(program.inputs()[i]).type, find(first, planned_->input_tensors[i])));
    for (std::size_t i = 0; i < program.outputs().size(); ++i)
        outputs_.push_back(
            view_of(program.value(program.outputs()[i].value).type, find(last, planned_->output_tensors[i])));
}

void ProgramInstance::set_step_region(std::byte* step) {
    if (step == extent_.step) return;
    extent_.step = step;
    const Plan& plan = planned_->plan;
    const std::vector<std::int32_t> last = last_places(planned_->executable->lowered(), plan);
    for (std::size_t i = 0; i < last.size(); ++i)
        if (last[i] >= 0) binding_->set_address(static_cast<std::int32_t>(i), place_address(last[i]));
    if (executor_) executor_->set_step_region(step);
    find_inputs_and_outputs();
    if (on_device_) {
        on_device_->staging.set_device_addresses(inputs_, outputs_);
        inputs_ = on_device_->staging.inputs();
        outputs_ = on_device_->staging.outputs();
    }
}

ProgramInstance::~ProgramInstance() = default;

void ProgramInstance::clear_unused_rows() noexcept {
    for (const TensorView& input : inputs_) {
        const Shape& shape = input.type.shape;
        if (shape.is_bounded()) clear_rows_from(input, extents_[static_cast<std::size_t>(shape.extent_slot())]);
    }
}

// The list is one of the orders that the plan allows; on one in-order stream its waits are implied.
LaunchStatus ProgramInstance::launch_one_by_one(Stream& stream, const LaunchContext& context, const OpTimes& times) {
    for (const Action& action : planned_->plan.actions) {
        const auto launch = [&] { return stream.launch(*binding_, action.subject, context); };
        if (times.time(action.subject, stream, launch) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
    }
    return LaunchStatus::kCompleted;
}

LaunchStatus ProgramInstance::run_in_place(Stream& stream, const LaunchContext& context, const OpTimes& times) {
    const LaunchStatus status = launch_one_by_one(stream, context, times);
    stream.synchronize();
    return status;
}

LaunchStatus ProgramInstance::run_on_device(Stream& stream, const LaunchContext& context, const OpTimes& times) {
    FinishUnlessDone guard(stream);
    on_device_->staging.copy_inputs(stream);
    const LaunchStatus status = times.is_measuring() ? launch_one_by_one(stream, context, times)
                                                     : stream.launch_sequence(*binding_, on_device_->ops, context);
    if (status == LaunchStatus::kStopped) return LaunchStatus::kStopped;
    on_device_->staging.copy_outputs(stream, context.extents);
    stream.synchronize();
    guard.done();
    return LaunchStatus::kCompleted;
}

LaunchStatus ProgramInstance::run(Stream& stream, const StopFlag* stop, const OpTimes& times) {
    const LaunchContext context{extents_, stop};
    LaunchStatus status = LaunchStatus::kCompleted;
    if (executor_)
        status = executor_->run(stream, context, times, on_device_ ? &on_device_->staging : nullptr);
    else if (on_device_)
        status = run_on_device(stream, context, times);
    else
        status = run_in_place(stream, context, times);
    if (status == LaunchStatus::kStopped) return LaunchStatus::kStopped;
    for (TensorView& output : outputs_) {
        const Shape& shape = output.type.shape;
        if (shape.is_bounded()) output.extent = extents_[static_cast<std::size_t>(shape.extent_slot())];
    }
    return LaunchStatus::kCompleted;
}

}  // namespace tensile
