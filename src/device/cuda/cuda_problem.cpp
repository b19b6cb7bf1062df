#include "device/cuda/cuda_problem.h"

#include <array>
#include <charconv>

namespace tensile {

namespace {

static_assert(kMaxRank == TENSILE_MAX_RANK);

TensileTensorType plugin_type(const TensorType& type) {
    TensileTensorType result{};
    result.dtype = static_cast<TensileDType>(type.dtype);
    result.rank = type.shape.rank();
    for (int axis = 0; axis < type.shape.rank(); ++axis)
        result.dims[axis] = type.shape[axis];
    result.extent_slot = type.shape.extent_slot();
    return result;
}

TensileAttribute plugin_attribute(const std::string& name, const Attribute& attribute) {
    TensileAttribute result{};
    result.name = name.c_str();
    if (const auto* integer = std::get_if<std::int64_t>(&attribute)) {
        result.kind = TENSILE_INTEGER;
        result.integer = *integer;
    } else if (const auto* number = std::get_if<double>(&attribute)) {
        result.kind = TENSILE_NUMBER;
        result.number = *number;
    } else {
        const auto& integers = std::get<std::vector<std::int64_t>>(attribute);
        result.kind = TENSILE_INTEGERS;
        result.integers = integers.data();
        result.integer_count = integers.size();
    }
    return result;
}

// The shortest text that reads back as the same number.
std::string exact_text(double number) {
    std::array<char, 32> buffer;
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
    return {buffer.data(), end};
}

std::string text_of(const TensileAttribute& attribute) {
    std::string text = std::string(attribute.name) + "=";
    if (attribute.kind == TENSILE_INTEGER) return text + std::to_string(attribute.integer);
    if (attribute.kind == TENSILE_NUMBER) return text + exact_text(attribute.number);
    text += "[";
    for (std::size_t i = 0; i < attribute.integer_count; ++i)
        text += (i > 0 ? ", " : "") + std::to_string(attribute.integers[i]);
    return text + "]";
}

std::string text_of(const TensileTensorType& type) {
    std::string text(name_of(static_cast<DType>(type.dtype)));
    text += "[";
    for (int axis = 0; axis < type.rank; ++axis) {
        text += (axis > 0 ? ", " : "") + std::to_string(type.dims[axis]);
        if (axis == 0 && type.extent_slot >= 0) text += "?" + std::to_string(type.extent_slot);
    }
    return text + "]";
}

template <typename Item>
std::string joined(const std::vector<Item>& items) {
    std::string text;
    for (const Item& item : items)
        text += (text.empty() ? "" : ", ") + text_of(item);
    return text;
}

}  // namespace

CudaProblem::CudaProblem(const Op& op, const Attributes& attributes, std::span<const TensorType> inputs,
                         std::span<const TensorType> outputs, const LoweringOptions& options)
    : name_(op.name()) {
    for (const TensorType& type : inputs)
        inputs_.push_back(plugin_type(type));
    for (const TensorType& type : outputs)
        outputs_.push_back(plugin_type(type));
    for (const auto& [name, attribute] : attributes.entries())
        attributes_.push_back(plugin_attribute(name, attribute));
    const bool rounds = options.precision == Precision::kBFloat16;
    view_.size = sizeof view_;
    view_.name = name_.c_str();
    view_.inputs = inputs_.data();
    view_.input_count = inputs_.size();
    view_.outputs = outputs_.data();
    view_.output_count = outputs_.size();
    view_.attributes = attributes_.data();
    view_.attribute_count = attributes_.size();
    view_.precision = rounds ? TENSILE_BFLOAT16 : TENSILE_FLOAT32;
    view_.deterministic = 1;
    view_.row_invariant = options.batch_invariant ? 1 : 0;
    text_ = name_ + "(" + joined(inputs_) + ") -> " + joined(outputs_) + " {" + joined(attributes_) + "} " +
            (rounds ? "bfloat16" : "float32") + (options.batch_invariant ? ", rows invariant" : "");
}

}  // namespace tensile
