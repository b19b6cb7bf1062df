// See staged_run.h.
#include "gpu/staged_run.h"

#include <algorithm>

#include "tensor/error.h"

namespace tensile::test {

namespace {

constexpr std::size_t kAlignment = 256;
constexpr auto kGuardByte = std::byte{0xA5};
// Four of these are a NaN.
constexpr auto kRubbishByte = std::byte{0xFF};

}  // namespace

StagedRun::StagedRun(Device& device, const DeviceRange& range, const Program& program, const LoweringOptions& options)
    : program_(program),
      executable_(device.lower(program, options)),
      stream_(device.create_stream(StreamClass::kCompute, StreamPriority::kTraining)),
      range_(range.begin),
      extents_(program.extents().size(), 0) {
    std::size_t end = kGuard;
    for (const LoweredTensor& tensor : lowered().tensors) {
        places_.push_back((end + kAlignment - 1) / kAlignment * kAlignment);
        end = places_.back() + tensor.bytes + kGuard;
    }
    if (end > range.bytes)
        throw InternalError("a test's program needs " + std::to_string(end) + " bytes of the device");
    image_.assign(end, kGuardByte);
    std::vector<std::byte*> addresses;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        const LoweredTensor& tensor = lowered().tensors[i];
        std::byte* const begin = image_.data() + places_[i];
        std::fill(begin, begin + tensor.bytes, kRubbishByte);
        if (tensor.kind == LoweredKind::kConstant) std::ranges::copy(program.value(tensor.value).data, begin);
        addresses.push_back(range_ + places_[i]);
    }
    for (const Value& value : program.values())
        if (value.type.shape.is_bounded())
            extents_[static_cast<std::size_t>(value.type.shape.extent_slot())] = value.type.shape.rows();
    binding_ = executable_->bind(addresses);
}

TensorView StagedRun::view(ValueId id) {
    const TensorType& type = program_.value(id).type;
    const ValueId storage = program_.storage_of(id);
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (lowered().tensors[i].value != storage) continue;
        const std::int64_t extent =
            type.shape.is_bounded() ? extents_[static_cast<std::size_t>(type.shape.extent_slot())] : type.shape.rows();
        return {image_.data() + places_[i], type, extent};
    }
    throw InternalError("value %" + std::to_string(id.index) + " has no lowered tensor");
}

TensorView StagedRun::tensor(const std::string& name) {
    for (const auto ids : {program_.inputs(), program_.variables()})
        for (const ValueId id : ids)
            if (program_.value(id).name == name) return view(id);
    throw InternalError("no input or variable \"" + name + "\"");
}

TensorView StagedRun::output(const std::string& name) {
    for (const NamedValue& output : program_.outputs())
        if (output.name == name) return view(output.value);
    throw InternalError("no output \"" + name + "\"");
}

void StagedRun::set_extent(const std::string& name, std::int64_t extent) {
    for (std::size_t i = 0; i < extents_.size(); ++i)
        if (program_.extents()[i] == name) extents_[i] = extent;
}

void StagedRun::run() {
    stream_->copy(range_, image_.data(), image_.size());
    for (std::size_t op = 0; op < lowered().ops.size(); ++op)
        stream_->launch(*binding_, static_cast<int>(op), {extents_, nullptr});
    stream_->copy(image_.data(), range_, image_.size());
    stream_->synchronize();
}

std::vector<std::string> StagedRun::damaged_guards() const {
    const auto damaged = [this](std::size_t begin) {
        return std::any_of(image_.begin() + static_cast<std::ptrdiff_t>(begin),
                           image_.begin() + static_cast<std::ptrdiff_t>(begin + kGuard),
                           [](std::byte byte) { return byte != kGuardByte; });
    };
    std::vector<std::string> names;
    for (std::size_t i = 0; i < places_.size(); ++i)
        if (damaged(places_[i] - kGuard) || damaged(places_[i] + lowered().tensors[i].bytes))
            names.push_back(lowered().tensors[i].name);
    return names;
}

}  // namespace tensile::test
