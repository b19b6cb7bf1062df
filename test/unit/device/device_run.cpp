#include "unit/device/device_run.h"

#include <algorithm>

#include "tensor/error.h"

namespace tensile::test {

namespace {

constexpr std::size_t kAlignment = 64;
constexpr auto kGuardByte = std::byte{0xA5};
// Four of these are a NaN.
constexpr auto kRubbishByte = std::byte{0xFF};

std::size_t align(std::size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

DeviceRun::DeviceRun(Device& device, const Program& program, const LoweringOptions& options, StreamPriority priority,
                     std::span<std::byte> slab)
    : program_(program),
      executable_(device.lower(program, options)),
      stream_(device.create_stream(StreamClass::kCompute, priority)),
      extents_(program.extents().size(), 0) {
    std::size_t total = kAlignment + kGuard;
    for (const LoweredTensor& tensor : lowered().tensors)
        total += align(tensor.bytes) + kAlignment + kGuard;
    memory_.assign(total, kGuardByte);
    auto address = reinterpret_cast<std::uintptr_t>(memory_.data()) + kGuard;
    for (const LoweredTensor& tensor : lowered().tensors) {
        // The slices of a variable follow each other, so that tests see it as a whole.
        address = tensor.value_offset > 0 ? address - kGuard : align(address);
        auto* begin = reinterpret_cast<std::byte*>(address);
        std::fill(begin, begin + tensor.bytes, kRubbishByte);
        if (tensor.kind == LoweredKind::kConstant) {
            const std::vector<std::byte>& data = program.value(tensor.value).data;
            std::copy(data.begin(), data.end(), begin);
        }
        addresses_.push_back(begin);
        address += tensor.bytes + kGuard;
    }
    for (const Value& value : program.values())
        if (value.type.shape.is_bounded())
            extents_[static_cast<std::size_t>(value.type.shape.extent_slot())] = value.type.shape.rows();
    for (std::size_t op = 0; op < lowered().ops.size(); ++op)
        sequence_.push_back(static_cast<std::int32_t>(op));
    binding_ = executable_->bind(addresses_);
    if (!device.is_synchronous()) move_to(slab);
}

void DeviceRun::move_to(std::span<std::byte> slab) {
    if (slab.size() < memory_.size() + kAlignment) throw InternalError("the slab is too small for a test");
    // Addresses of slab and host agree in their last bits, so both are aligned.
    slab_ = slab.data() + reinterpret_cast<std::uintptr_t>(memory_.data()) % kAlignment;
    for (std::size_t i = 0; i < addresses_.size(); ++i)
        binding_->set_address(static_cast<std::int32_t>(i), slab_ + (addresses_[i] - memory_.data()));
}

void DeviceRun::upload() {
    if (slab_ == nullptr) return;
    stream_->copy(slab_, memory_.data(), memory_.size());
    stream_->synchronize();
}

void DeviceRun::download() {
    if (slab_ == nullptr) return;
    stream_->copy(memory_.data(), slab_, memory_.size());
    stream_->synchronize();
}

TensorView DeviceRun::view(ValueId id) {
    const TensorType& type = program_.value(id).type;
    const ValueId storage = program_.storage_of(id);
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
        if (lowered().tensors[i].value != storage) continue;
        const std::int64_t extent =
            type.shape.is_bounded() ? extents_[static_cast<std::size_t>(type.shape.extent_slot())] : type.shape.rows();
        return {addresses_[i], type, extent};
    }
    throw InternalError("value %" + std::to_string(id.index) + " has no lowered tensor");
}

TensorView DeviceRun::tensor(const std::string& name) {
    for (const auto ids : {program_.inputs(), program_.variables()})
        for (ValueId id : ids)
            if (program_.value(id).name == name) return view(id);
    throw InternalError("no input or variable \"" + name + "\"");
}

TensorView DeviceRun::output(const std::string& name) {
    for (const NamedValue& output : program_.outputs())
        if (output.name == name) return view(output.value);
    throw InternalError("no output \"" + name + "\"");
}

void DeviceRun::set_extent(const std::string& name, std::int64_t extent) {
    for (std::size_t i = 0; i < extents_.size(); ++i)
        if (program_.extents()[i] == name) extents_[i] = extent;
}

void DeviceRun::move_tensors_of(int op) {
    const LoweredOp& lowered_op = lowered().ops[static_cast<std::size_t>(op)];
    for (const auto* list : {&lowered_op.reads, &lowered_op.writes})
        for (const std::int32_t tensor : *list) {
            const std::size_t bytes = lowered().tensors[static_cast<std::size_t>(tensor)].bytes;
            constexpr std::size_t kMostBytes = std::size_t{1} << 40;
            if (bytes > kMostBytes) throw InternalError("a tensor is too large for a test");
            std::byte*& address = addresses_[static_cast<std::size_t>(tensor)];
            std::vector<std::byte>& room = moved_.emplace_back(bytes + kAlignment + 2 * kGuard, kGuardByte);
            auto* const begin = reinterpret_cast<std::byte*>(
                align(reinterpret_cast<std::uintptr_t>(room.data()) + kGuard - kAlignment));
            std::copy(address, address + bytes, begin);
            std::fill(address, address + bytes, kRubbishByte);
            address = begin;
            binding_->set_address(tensor, begin);
        }
}

LaunchStatus DeviceRun::launch(int op, const StopFlag* stop) {
    return stream_->launch(*binding_, op, {extents_, stop});
}

LaunchStatus DeviceRun::run(const StopFlag* stop) {
    upload();
    for (std::size_t op = 0; op < lowered().ops.size(); ++op)
        if (launch(static_cast<int>(op), stop) == LaunchStatus::kStopped) return LaunchStatus::kStopped;
    download();
    return LaunchStatus::kCompleted;
}

LaunchStatus DeviceRun::run_sequence(const StopFlag* stop) {
    upload();
    const LaunchStatus status = stream_->launch_sequence(*binding_, sequence_, {extents_, stop});
    download();
    return status;
}

std::vector<std::string> DeviceRun::damaged_guards() const {
    const auto damaged = [](const std::byte* begin, const std::byte* end) {
        return std::any_of(begin, end, [](std::byte byte) { return byte != kGuardByte; });
    };
    std::vector<std::string> names;
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
        const std::byte* end = addresses_[i] + lowered().tensors[i].bytes;
        const bool begins = lowered().tensors[i].value_offset == 0;
        const bool ends = i + 1 == addresses_.size() || lowered().tensors[i + 1].value_offset == 0;
        if ((ends && damaged(end, end + kGuard)) || (begins && damaged(addresses_[i] - kAlignment, addresses_[i])))
            names.push_back(lowered().tensors[i].name);
    }
    return names;
}

}  // namespace tensile::test
